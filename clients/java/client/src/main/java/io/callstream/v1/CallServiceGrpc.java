package io.callstream.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * CallService has what a client needs around a stream: the call it belongs to. Inbound calls arrive as CALL_RECEIVED
 * events of StreamService.WatchEvents.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class CallServiceGrpc {

  private CallServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "callstream.v1.CallService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.DialRequest,
      io.callstream.v1.DialResponse> getDialMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Dial",
      requestType = io.callstream.v1.DialRequest.class,
      responseType = io.callstream.v1.DialResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.DialRequest,
      io.callstream.v1.DialResponse> getDialMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.DialRequest, io.callstream.v1.DialResponse> getDialMethod;
    if ((getDialMethod = CallServiceGrpc.getDialMethod) == null) {
      synchronized (CallServiceGrpc.class) {
        if ((getDialMethod = CallServiceGrpc.getDialMethod) == null) {
          CallServiceGrpc.getDialMethod = getDialMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.DialRequest, io.callstream.v1.DialResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Dial"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.DialRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.DialResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallServiceMethodDescriptorSupplier("Dial"))
              .build();
        }
      }
    }
    return getDialMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.AnswerCallRequest,
      io.callstream.v1.AnswerCallResponse> getAnswerCallMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "AnswerCall",
      requestType = io.callstream.v1.AnswerCallRequest.class,
      responseType = io.callstream.v1.AnswerCallResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.AnswerCallRequest,
      io.callstream.v1.AnswerCallResponse> getAnswerCallMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.AnswerCallRequest, io.callstream.v1.AnswerCallResponse> getAnswerCallMethod;
    if ((getAnswerCallMethod = CallServiceGrpc.getAnswerCallMethod) == null) {
      synchronized (CallServiceGrpc.class) {
        if ((getAnswerCallMethod = CallServiceGrpc.getAnswerCallMethod) == null) {
          CallServiceGrpc.getAnswerCallMethod = getAnswerCallMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.AnswerCallRequest, io.callstream.v1.AnswerCallResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "AnswerCall"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.AnswerCallRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.AnswerCallResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallServiceMethodDescriptorSupplier("AnswerCall"))
              .build();
        }
      }
    }
    return getAnswerCallMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.EndCallRequest,
      io.callstream.v1.EndCallResponse> getEndCallMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "EndCall",
      requestType = io.callstream.v1.EndCallRequest.class,
      responseType = io.callstream.v1.EndCallResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.EndCallRequest,
      io.callstream.v1.EndCallResponse> getEndCallMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.EndCallRequest, io.callstream.v1.EndCallResponse> getEndCallMethod;
    if ((getEndCallMethod = CallServiceGrpc.getEndCallMethod) == null) {
      synchronized (CallServiceGrpc.class) {
        if ((getEndCallMethod = CallServiceGrpc.getEndCallMethod) == null) {
          CallServiceGrpc.getEndCallMethod = getEndCallMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.EndCallRequest, io.callstream.v1.EndCallResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "EndCall"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.EndCallRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.EndCallResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallServiceMethodDescriptorSupplier("EndCall"))
              .build();
        }
      }
    }
    return getEndCallMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.PassCallRequest,
      io.callstream.v1.PassCallResponse> getPassCallMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "PassCall",
      requestType = io.callstream.v1.PassCallRequest.class,
      responseType = io.callstream.v1.PassCallResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.PassCallRequest,
      io.callstream.v1.PassCallResponse> getPassCallMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.PassCallRequest, io.callstream.v1.PassCallResponse> getPassCallMethod;
    if ((getPassCallMethod = CallServiceGrpc.getPassCallMethod) == null) {
      synchronized (CallServiceGrpc.class) {
        if ((getPassCallMethod = CallServiceGrpc.getPassCallMethod) == null) {
          CallServiceGrpc.getPassCallMethod = getPassCallMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.PassCallRequest, io.callstream.v1.PassCallResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "PassCall"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.PassCallRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.PassCallResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallServiceMethodDescriptorSupplier("PassCall"))
              .build();
        }
      }
    }
    return getPassCallMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.GetCallRequest,
      io.callstream.v1.GetCallResponse> getGetCallMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetCall",
      requestType = io.callstream.v1.GetCallRequest.class,
      responseType = io.callstream.v1.GetCallResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.GetCallRequest,
      io.callstream.v1.GetCallResponse> getGetCallMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.GetCallRequest, io.callstream.v1.GetCallResponse> getGetCallMethod;
    if ((getGetCallMethod = CallServiceGrpc.getGetCallMethod) == null) {
      synchronized (CallServiceGrpc.class) {
        if ((getGetCallMethod = CallServiceGrpc.getGetCallMethod) == null) {
          CallServiceGrpc.getGetCallMethod = getGetCallMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.GetCallRequest, io.callstream.v1.GetCallResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetCall"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.GetCallRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.GetCallResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallServiceMethodDescriptorSupplier("GetCall"))
              .build();
        }
      }
    }
    return getGetCallMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.ListCallsRequest,
      io.callstream.v1.ListCallsResponse> getListCallsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListCalls",
      requestType = io.callstream.v1.ListCallsRequest.class,
      responseType = io.callstream.v1.ListCallsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.ListCallsRequest,
      io.callstream.v1.ListCallsResponse> getListCallsMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.ListCallsRequest, io.callstream.v1.ListCallsResponse> getListCallsMethod;
    if ((getListCallsMethod = CallServiceGrpc.getListCallsMethod) == null) {
      synchronized (CallServiceGrpc.class) {
        if ((getListCallsMethod = CallServiceGrpc.getListCallsMethod) == null) {
          CallServiceGrpc.getListCallsMethod = getListCallsMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.ListCallsRequest, io.callstream.v1.ListCallsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListCalls"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.ListCallsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.ListCallsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new CallServiceMethodDescriptorSupplier("ListCalls"))
              .build();
        }
      }
    }
    return getListCallsMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static CallServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<CallServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<CallServiceStub>() {
        @java.lang.Override
        public CallServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new CallServiceStub(channel, callOptions);
        }
      };
    return CallServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static CallServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<CallServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<CallServiceBlockingV2Stub>() {
        @java.lang.Override
        public CallServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new CallServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return CallServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static CallServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<CallServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<CallServiceBlockingStub>() {
        @java.lang.Override
        public CallServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new CallServiceBlockingStub(channel, callOptions);
        }
      };
    return CallServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static CallServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<CallServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<CallServiceFutureStub>() {
        @java.lang.Override
        public CallServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new CallServiceFutureStub(channel, callOptions);
        }
      };
    return CallServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * CallService has what a client needs around a stream: the call it belongs to. Inbound calls arrive as CALL_RECEIVED
   * events of StreamService.WatchEvents.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Dial calls somebody and answers once a device has answered.
     * Idempotent by tag: asking again with the same tag waits for the same attempt. When the deadline passes, RELAY goes on
     * ringing for as long as the devices' timeouts say; DIAL_ANSWERED or DIAL_FAILED tells how it ends.
     * Errors: INVALID_ARGUMENT; PERMISSION_DENIED/NOT_ALLOWED (the token is limited to contexts, and an outbound call is of
     * none); FAILED_PRECONDITION/DIAL_FAILED (nobody answered), RELAY_REJECTED; UNAVAILABLE; ABORTED/OUTCOME_UNKNOWN;
     * DEADLINE_EXCEEDED.
     * </pre>
     */
    default void dial(io.callstream.v1.DialRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.DialResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDialMethod(), responseObserver);
    }

    /**
     * <pre>
     * AnswerCall answers an inbound call. Answering an answered call succeeds. It answers once RELAY has taken the command;
     * CALL_ANSWERED follows.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND; FAILED_PRECONDITION/CALL_ENDED, RELAY_REJECTED; UNAVAILABLE;
     * ABORTED/OUTCOME_UNKNOWN; DEADLINE_EXCEEDED.
     * </pre>
     */
    default void answerCall(io.callstream.v1.AnswerCallRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.AnswerCallResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getAnswerCallMethod(), responseObserver);
    }

    /**
     * <pre>
     * EndCall hangs up. Ending an ended call succeeds.
     * Errors: as for AnswerCall, without CALL_ENDED.
     * </pre>
     */
    default void endCall(io.callstream.v1.EndCallRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.EndCallResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getEndCallMethod(), responseObserver);
    }

    /**
     * <pre>
     * PassCall declines an inbound call, so that RELAY offers it to another client of its context.
     * Errors: as for AnswerCall.
     * </pre>
     */
    default void passCall(io.callstream.v1.PassCallRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.PassCallResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getPassCallMethod(), responseObserver);
    }

    /**
     * <pre>
     * GetCall returns a call as the gateway knows it.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND.
     * </pre>
     */
    default void getCall(io.callstream.v1.GetCallRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.GetCallResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetCallMethod(), responseObserver);
    }

    /**
     * <pre>
     * ListCalls returns the calls that match, by create time, in pages.
     * Errors: INVALID_ARGUMENT.
     * </pre>
     */
    default void listCalls(io.callstream.v1.ListCallsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.ListCallsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListCallsMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service CallService.
   * <pre>
   * CallService has what a client needs around a stream: the call it belongs to. Inbound calls arrive as CALL_RECEIVED
   * events of StreamService.WatchEvents.
   * </pre>
   */
  public static abstract class CallServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return CallServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service CallService.
   * <pre>
   * CallService has what a client needs around a stream: the call it belongs to. Inbound calls arrive as CALL_RECEIVED
   * events of StreamService.WatchEvents.
   * </pre>
   */
  public static final class CallServiceStub
      extends io.grpc.stub.AbstractAsyncStub<CallServiceStub> {
    private CallServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected CallServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new CallServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Dial calls somebody and answers once a device has answered.
     * Idempotent by tag: asking again with the same tag waits for the same attempt. When the deadline passes, RELAY goes on
     * ringing for as long as the devices' timeouts say; DIAL_ANSWERED or DIAL_FAILED tells how it ends.
     * Errors: INVALID_ARGUMENT; PERMISSION_DENIED/NOT_ALLOWED (the token is limited to contexts, and an outbound call is of
     * none); FAILED_PRECONDITION/DIAL_FAILED (nobody answered), RELAY_REJECTED; UNAVAILABLE; ABORTED/OUTCOME_UNKNOWN;
     * DEADLINE_EXCEEDED.
     * </pre>
     */
    public void dial(io.callstream.v1.DialRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.DialResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDialMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * AnswerCall answers an inbound call. Answering an answered call succeeds. It answers once RELAY has taken the command;
     * CALL_ANSWERED follows.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND; FAILED_PRECONDITION/CALL_ENDED, RELAY_REJECTED; UNAVAILABLE;
     * ABORTED/OUTCOME_UNKNOWN; DEADLINE_EXCEEDED.
     * </pre>
     */
    public void answerCall(io.callstream.v1.AnswerCallRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.AnswerCallResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getAnswerCallMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * EndCall hangs up. Ending an ended call succeeds.
     * Errors: as for AnswerCall, without CALL_ENDED.
     * </pre>
     */
    public void endCall(io.callstream.v1.EndCallRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.EndCallResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getEndCallMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * PassCall declines an inbound call, so that RELAY offers it to another client of its context.
     * Errors: as for AnswerCall.
     * </pre>
     */
    public void passCall(io.callstream.v1.PassCallRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.PassCallResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getPassCallMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * GetCall returns a call as the gateway knows it.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND.
     * </pre>
     */
    public void getCall(io.callstream.v1.GetCallRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.GetCallResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetCallMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * ListCalls returns the calls that match, by create time, in pages.
     * Errors: INVALID_ARGUMENT.
     * </pre>
     */
    public void listCalls(io.callstream.v1.ListCallsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.ListCallsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListCallsMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service CallService.
   * <pre>
   * CallService has what a client needs around a stream: the call it belongs to. Inbound calls arrive as CALL_RECEIVED
   * events of StreamService.WatchEvents.
   * </pre>
   */
  public static final class CallServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<CallServiceBlockingV2Stub> {
    private CallServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected CallServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new CallServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Dial calls somebody and answers once a device has answered.
     * Idempotent by tag: asking again with the same tag waits for the same attempt. When the deadline passes, RELAY goes on
     * ringing for as long as the devices' timeouts say; DIAL_ANSWERED or DIAL_FAILED tells how it ends.
     * Errors: INVALID_ARGUMENT; PERMISSION_DENIED/NOT_ALLOWED (the token is limited to contexts, and an outbound call is of
     * none); FAILED_PRECONDITION/DIAL_FAILED (nobody answered), RELAY_REJECTED; UNAVAILABLE; ABORTED/OUTCOME_UNKNOWN;
     * DEADLINE_EXCEEDED.
     * </pre>
     */
    public io.callstream.v1.DialResponse dial(io.callstream.v1.DialRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDialMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * AnswerCall answers an inbound call. Answering an answered call succeeds. It answers once RELAY has taken the command;
     * CALL_ANSWERED follows.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND; FAILED_PRECONDITION/CALL_ENDED, RELAY_REJECTED; UNAVAILABLE;
     * ABORTED/OUTCOME_UNKNOWN; DEADLINE_EXCEEDED.
     * </pre>
     */
    public io.callstream.v1.AnswerCallResponse answerCall(io.callstream.v1.AnswerCallRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getAnswerCallMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * EndCall hangs up. Ending an ended call succeeds.
     * Errors: as for AnswerCall, without CALL_ENDED.
     * </pre>
     */
    public io.callstream.v1.EndCallResponse endCall(io.callstream.v1.EndCallRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getEndCallMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * PassCall declines an inbound call, so that RELAY offers it to another client of its context.
     * Errors: as for AnswerCall.
     * </pre>
     */
    public io.callstream.v1.PassCallResponse passCall(io.callstream.v1.PassCallRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getPassCallMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * GetCall returns a call as the gateway knows it.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND.
     * </pre>
     */
    public io.callstream.v1.GetCallResponse getCall(io.callstream.v1.GetCallRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetCallMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListCalls returns the calls that match, by create time, in pages.
     * Errors: INVALID_ARGUMENT.
     * </pre>
     */
    public io.callstream.v1.ListCallsResponse listCalls(io.callstream.v1.ListCallsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListCallsMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service CallService.
   * <pre>
   * CallService has what a client needs around a stream: the call it belongs to. Inbound calls arrive as CALL_RECEIVED
   * events of StreamService.WatchEvents.
   * </pre>
   */
  public static final class CallServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<CallServiceBlockingStub> {
    private CallServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected CallServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new CallServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Dial calls somebody and answers once a device has answered.
     * Idempotent by tag: asking again with the same tag waits for the same attempt. When the deadline passes, RELAY goes on
     * ringing for as long as the devices' timeouts say; DIAL_ANSWERED or DIAL_FAILED tells how it ends.
     * Errors: INVALID_ARGUMENT; PERMISSION_DENIED/NOT_ALLOWED (the token is limited to contexts, and an outbound call is of
     * none); FAILED_PRECONDITION/DIAL_FAILED (nobody answered), RELAY_REJECTED; UNAVAILABLE; ABORTED/OUTCOME_UNKNOWN;
     * DEADLINE_EXCEEDED.
     * </pre>
     */
    public io.callstream.v1.DialResponse dial(io.callstream.v1.DialRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDialMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * AnswerCall answers an inbound call. Answering an answered call succeeds. It answers once RELAY has taken the command;
     * CALL_ANSWERED follows.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND; FAILED_PRECONDITION/CALL_ENDED, RELAY_REJECTED; UNAVAILABLE;
     * ABORTED/OUTCOME_UNKNOWN; DEADLINE_EXCEEDED.
     * </pre>
     */
    public io.callstream.v1.AnswerCallResponse answerCall(io.callstream.v1.AnswerCallRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getAnswerCallMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * EndCall hangs up. Ending an ended call succeeds.
     * Errors: as for AnswerCall, without CALL_ENDED.
     * </pre>
     */
    public io.callstream.v1.EndCallResponse endCall(io.callstream.v1.EndCallRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getEndCallMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * PassCall declines an inbound call, so that RELAY offers it to another client of its context.
     * Errors: as for AnswerCall.
     * </pre>
     */
    public io.callstream.v1.PassCallResponse passCall(io.callstream.v1.PassCallRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getPassCallMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * GetCall returns a call as the gateway knows it.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND.
     * </pre>
     */
    public io.callstream.v1.GetCallResponse getCall(io.callstream.v1.GetCallRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetCallMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListCalls returns the calls that match, by create time, in pages.
     * Errors: INVALID_ARGUMENT.
     * </pre>
     */
    public io.callstream.v1.ListCallsResponse listCalls(io.callstream.v1.ListCallsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListCallsMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service CallService.
   * <pre>
   * CallService has what a client needs around a stream: the call it belongs to. Inbound calls arrive as CALL_RECEIVED
   * events of StreamService.WatchEvents.
   * </pre>
   */
  public static final class CallServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<CallServiceFutureStub> {
    private CallServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected CallServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new CallServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Dial calls somebody and answers once a device has answered.
     * Idempotent by tag: asking again with the same tag waits for the same attempt. When the deadline passes, RELAY goes on
     * ringing for as long as the devices' timeouts say; DIAL_ANSWERED or DIAL_FAILED tells how it ends.
     * Errors: INVALID_ARGUMENT; PERMISSION_DENIED/NOT_ALLOWED (the token is limited to contexts, and an outbound call is of
     * none); FAILED_PRECONDITION/DIAL_FAILED (nobody answered), RELAY_REJECTED; UNAVAILABLE; ABORTED/OUTCOME_UNKNOWN;
     * DEADLINE_EXCEEDED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.DialResponse> dial(
        io.callstream.v1.DialRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDialMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * AnswerCall answers an inbound call. Answering an answered call succeeds. It answers once RELAY has taken the command;
     * CALL_ANSWERED follows.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND; FAILED_PRECONDITION/CALL_ENDED, RELAY_REJECTED; UNAVAILABLE;
     * ABORTED/OUTCOME_UNKNOWN; DEADLINE_EXCEEDED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.AnswerCallResponse> answerCall(
        io.callstream.v1.AnswerCallRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getAnswerCallMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * EndCall hangs up. Ending an ended call succeeds.
     * Errors: as for AnswerCall, without CALL_ENDED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.EndCallResponse> endCall(
        io.callstream.v1.EndCallRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getEndCallMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * PassCall declines an inbound call, so that RELAY offers it to another client of its context.
     * Errors: as for AnswerCall.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.PassCallResponse> passCall(
        io.callstream.v1.PassCallRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getPassCallMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * GetCall returns a call as the gateway knows it.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.GetCallResponse> getCall(
        io.callstream.v1.GetCallRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetCallMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * ListCalls returns the calls that match, by create time, in pages.
     * Errors: INVALID_ARGUMENT.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.ListCallsResponse> listCalls(
        io.callstream.v1.ListCallsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListCallsMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_DIAL = 0;
  private static final int METHODID_ANSWER_CALL = 1;
  private static final int METHODID_END_CALL = 2;
  private static final int METHODID_PASS_CALL = 3;
  private static final int METHODID_GET_CALL = 4;
  private static final int METHODID_LIST_CALLS = 5;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_DIAL:
          serviceImpl.dial((io.callstream.v1.DialRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.DialResponse>) responseObserver);
          break;
        case METHODID_ANSWER_CALL:
          serviceImpl.answerCall((io.callstream.v1.AnswerCallRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.AnswerCallResponse>) responseObserver);
          break;
        case METHODID_END_CALL:
          serviceImpl.endCall((io.callstream.v1.EndCallRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.EndCallResponse>) responseObserver);
          break;
        case METHODID_PASS_CALL:
          serviceImpl.passCall((io.callstream.v1.PassCallRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.PassCallResponse>) responseObserver);
          break;
        case METHODID_GET_CALL:
          serviceImpl.getCall((io.callstream.v1.GetCallRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.GetCallResponse>) responseObserver);
          break;
        case METHODID_LIST_CALLS:
          serviceImpl.listCalls((io.callstream.v1.ListCallsRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.ListCallsResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getDialMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.DialRequest,
              io.callstream.v1.DialResponse>(
                service, METHODID_DIAL)))
        .addMethod(
          getAnswerCallMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.AnswerCallRequest,
              io.callstream.v1.AnswerCallResponse>(
                service, METHODID_ANSWER_CALL)))
        .addMethod(
          getEndCallMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.EndCallRequest,
              io.callstream.v1.EndCallResponse>(
                service, METHODID_END_CALL)))
        .addMethod(
          getPassCallMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.PassCallRequest,
              io.callstream.v1.PassCallResponse>(
                service, METHODID_PASS_CALL)))
        .addMethod(
          getGetCallMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.GetCallRequest,
              io.callstream.v1.GetCallResponse>(
                service, METHODID_GET_CALL)))
        .addMethod(
          getListCallsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.ListCallsRequest,
              io.callstream.v1.ListCallsResponse>(
                service, METHODID_LIST_CALLS)))
        .build();
  }

  private static abstract class CallServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    CallServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.callstream.v1.CallServiceOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("CallService");
    }
  }

  private static final class CallServiceFileDescriptorSupplier
      extends CallServiceBaseDescriptorSupplier {
    CallServiceFileDescriptorSupplier() {}
  }

  private static final class CallServiceMethodDescriptorSupplier
      extends CallServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    CallServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (CallServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new CallServiceFileDescriptorSupplier())
              .addMethod(getDialMethod())
              .addMethod(getAnswerCallMethod())
              .addMethod(getEndCallMethod())
              .addMethod(getPassCallMethod())
              .addMethod(getGetCallMethod())
              .addMethod(getListCallsMethod())
              .build();
        }
      }
    }
    return result;
  }
}
