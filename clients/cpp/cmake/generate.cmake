# Makes the stubs at build time, with the protoc and the gRPC plugin that belong to the libraries found.
set(contract ${CMAKE_CURRENT_BINARY_DIR}/proto)
set(stubs ${CMAKE_CURRENT_BINARY_DIR}/gen)
file(MAKE_DIRECTORY ${stubs})
find_program(CALLSTREAM_PROTOC protoc REQUIRED)
find_program(CALLSTREAM_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)

foreach(name IN LISTS messages)
  set(original ${CMAKE_CURRENT_SOURCE_DIR}/../../proto/${name}.proto)
  if(NOT EXISTS ${original})
    set(original ${CMAKE_CURRENT_SOURCE_DIR}/proto/${name}.proto)
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${original})
  file(READ ${original} text)
  if(Protobuf_VERSION VERSION_LESS 4)
    # Such a protoc is older than the option, which has no part in the code that it makes.
    string(REPLACE " [debug_redact = true]" "" text "${text}")
  endif()
  file(CONFIGURE OUTPUT ${contract}/${name}.proto CONTENT "@text@" @ONLY)
endforeach()

foreach(name IN LISTS messages)
  set(outputs ${stubs}/${name}.pb.h ${stubs}/${name}.pb.cc)
  set(arguments --cpp_out=${stubs})
  if(name IN_LIST services)
    list(APPEND outputs ${stubs}/${name}.grpc.pb.h ${stubs}/${name}.grpc.pb.cc)
    list(APPEND arguments --plugin=protoc-gen-grpc=${CALLSTREAM_GRPC_PLUGIN} --grpc_out=${stubs})
  endif()
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${CALLSTREAM_PROTOC} --proto_path=${contract} ${arguments} ${contract}/${name}.proto
    DEPENDS ${contract}/${name}.proto
    VERBATIM)
endforeach()
