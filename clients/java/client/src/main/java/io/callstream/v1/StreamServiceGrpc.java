package io.callstream.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * StreamService starts and stops streams of call audio and tells what becomes of them.
 * Every error carries google.rpc.ErrorInfo (domain "callstream"); its reason is the word to switch on.
 * A gateway with tokens wants one with every method of every service, as metadata "authorization: Bearer TOKEN":
 * UNAUTHENTICATED/BAD_TOKEN without a valid one, PERMISSION_DENIED/SCOPE (metadata scope) if it is not for the method.
 * What a token may not see is NOT_FOUND, and in no list, snapshot or event.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class StreamServiceGrpc {

  private StreamServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "callstream.v1.StreamService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.StartStreamRequest,
      io.callstream.v1.StartStreamResponse> getStartStreamMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "StartStream",
      requestType = io.callstream.v1.StartStreamRequest.class,
      responseType = io.callstream.v1.StartStreamResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.StartStreamRequest,
      io.callstream.v1.StartStreamResponse> getStartStreamMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.StartStreamRequest, io.callstream.v1.StartStreamResponse> getStartStreamMethod;
    if ((getStartStreamMethod = StreamServiceGrpc.getStartStreamMethod) == null) {
      synchronized (StreamServiceGrpc.class) {
        if ((getStartStreamMethod = StreamServiceGrpc.getStartStreamMethod) == null) {
          StreamServiceGrpc.getStartStreamMethod = getStartStreamMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.StartStreamRequest, io.callstream.v1.StartStreamResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "StartStream"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.StartStreamRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.StartStreamResponse.getDefaultInstance()))
              .setSchemaDescriptor(new StreamServiceMethodDescriptorSupplier("StartStream"))
              .build();
        }
      }
    }
    return getStartStreamMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.StopStreamRequest,
      io.callstream.v1.StopStreamResponse> getStopStreamMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "StopStream",
      requestType = io.callstream.v1.StopStreamRequest.class,
      responseType = io.callstream.v1.StopStreamResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.StopStreamRequest,
      io.callstream.v1.StopStreamResponse> getStopStreamMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.StopStreamRequest, io.callstream.v1.StopStreamResponse> getStopStreamMethod;
    if ((getStopStreamMethod = StreamServiceGrpc.getStopStreamMethod) == null) {
      synchronized (StreamServiceGrpc.class) {
        if ((getStopStreamMethod = StreamServiceGrpc.getStopStreamMethod) == null) {
          StreamServiceGrpc.getStopStreamMethod = getStopStreamMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.StopStreamRequest, io.callstream.v1.StopStreamResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "StopStream"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.StopStreamRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.StopStreamResponse.getDefaultInstance()))
              .setSchemaDescriptor(new StreamServiceMethodDescriptorSupplier("StopStream"))
              .build();
        }
      }
    }
    return getStopStreamMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.StopCallStreamsRequest,
      io.callstream.v1.StopCallStreamsResponse> getStopCallStreamsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "StopCallStreams",
      requestType = io.callstream.v1.StopCallStreamsRequest.class,
      responseType = io.callstream.v1.StopCallStreamsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.StopCallStreamsRequest,
      io.callstream.v1.StopCallStreamsResponse> getStopCallStreamsMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.StopCallStreamsRequest, io.callstream.v1.StopCallStreamsResponse> getStopCallStreamsMethod;
    if ((getStopCallStreamsMethod = StreamServiceGrpc.getStopCallStreamsMethod) == null) {
      synchronized (StreamServiceGrpc.class) {
        if ((getStopCallStreamsMethod = StreamServiceGrpc.getStopCallStreamsMethod) == null) {
          StreamServiceGrpc.getStopCallStreamsMethod = getStopCallStreamsMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.StopCallStreamsRequest, io.callstream.v1.StopCallStreamsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "StopCallStreams"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.StopCallStreamsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.StopCallStreamsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new StreamServiceMethodDescriptorSupplier("StopCallStreams"))
              .build();
        }
      }
    }
    return getStopCallStreamsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.GetStreamRequest,
      io.callstream.v1.GetStreamResponse> getGetStreamMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetStream",
      requestType = io.callstream.v1.GetStreamRequest.class,
      responseType = io.callstream.v1.GetStreamResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.GetStreamRequest,
      io.callstream.v1.GetStreamResponse> getGetStreamMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.GetStreamRequest, io.callstream.v1.GetStreamResponse> getGetStreamMethod;
    if ((getGetStreamMethod = StreamServiceGrpc.getGetStreamMethod) == null) {
      synchronized (StreamServiceGrpc.class) {
        if ((getGetStreamMethod = StreamServiceGrpc.getGetStreamMethod) == null) {
          StreamServiceGrpc.getGetStreamMethod = getGetStreamMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.GetStreamRequest, io.callstream.v1.GetStreamResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetStream"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.GetStreamRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.GetStreamResponse.getDefaultInstance()))
              .setSchemaDescriptor(new StreamServiceMethodDescriptorSupplier("GetStream"))
              .build();
        }
      }
    }
    return getGetStreamMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.ListStreamsRequest,
      io.callstream.v1.ListStreamsResponse> getListStreamsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListStreams",
      requestType = io.callstream.v1.ListStreamsRequest.class,
      responseType = io.callstream.v1.ListStreamsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.ListStreamsRequest,
      io.callstream.v1.ListStreamsResponse> getListStreamsMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.ListStreamsRequest, io.callstream.v1.ListStreamsResponse> getListStreamsMethod;
    if ((getListStreamsMethod = StreamServiceGrpc.getListStreamsMethod) == null) {
      synchronized (StreamServiceGrpc.class) {
        if ((getListStreamsMethod = StreamServiceGrpc.getListStreamsMethod) == null) {
          StreamServiceGrpc.getListStreamsMethod = getListStreamsMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.ListStreamsRequest, io.callstream.v1.ListStreamsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListStreams"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.ListStreamsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.ListStreamsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new StreamServiceMethodDescriptorSupplier("ListStreams"))
              .build();
        }
      }
    }
    return getListStreamsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.WaitStreamRequest,
      io.callstream.v1.WaitStreamResponse> getWaitStreamMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WaitStream",
      requestType = io.callstream.v1.WaitStreamRequest.class,
      responseType = io.callstream.v1.WaitStreamResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.WaitStreamRequest,
      io.callstream.v1.WaitStreamResponse> getWaitStreamMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.WaitStreamRequest, io.callstream.v1.WaitStreamResponse> getWaitStreamMethod;
    if ((getWaitStreamMethod = StreamServiceGrpc.getWaitStreamMethod) == null) {
      synchronized (StreamServiceGrpc.class) {
        if ((getWaitStreamMethod = StreamServiceGrpc.getWaitStreamMethod) == null) {
          StreamServiceGrpc.getWaitStreamMethod = getWaitStreamMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.WaitStreamRequest, io.callstream.v1.WaitStreamResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WaitStream"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.WaitStreamRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.WaitStreamResponse.getDefaultInstance()))
              .setSchemaDescriptor(new StreamServiceMethodDescriptorSupplier("WaitStream"))
              .build();
        }
      }
    }
    return getWaitStreamMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.WatchEventsRequest,
      io.callstream.v1.WatchEventsResponse> getWatchEventsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchEvents",
      requestType = io.callstream.v1.WatchEventsRequest.class,
      responseType = io.callstream.v1.WatchEventsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<io.callstream.v1.WatchEventsRequest,
      io.callstream.v1.WatchEventsResponse> getWatchEventsMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.WatchEventsRequest, io.callstream.v1.WatchEventsResponse> getWatchEventsMethod;
    if ((getWatchEventsMethod = StreamServiceGrpc.getWatchEventsMethod) == null) {
      synchronized (StreamServiceGrpc.class) {
        if ((getWatchEventsMethod = StreamServiceGrpc.getWatchEventsMethod) == null) {
          StreamServiceGrpc.getWatchEventsMethod = getWatchEventsMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.WatchEventsRequest, io.callstream.v1.WatchEventsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchEvents"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.WatchEventsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.WatchEventsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new StreamServiceMethodDescriptorSupplier("WatchEvents"))
              .build();
        }
      }
    }
    return getWatchEventsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.ListEventsRequest,
      io.callstream.v1.ListEventsResponse> getListEventsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListEvents",
      requestType = io.callstream.v1.ListEventsRequest.class,
      responseType = io.callstream.v1.ListEventsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.ListEventsRequest,
      io.callstream.v1.ListEventsResponse> getListEventsMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.ListEventsRequest, io.callstream.v1.ListEventsResponse> getListEventsMethod;
    if ((getListEventsMethod = StreamServiceGrpc.getListEventsMethod) == null) {
      synchronized (StreamServiceGrpc.class) {
        if ((getListEventsMethod = StreamServiceGrpc.getListEventsMethod) == null) {
          StreamServiceGrpc.getListEventsMethod = getListEventsMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.ListEventsRequest, io.callstream.v1.ListEventsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListEvents"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.ListEventsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.ListEventsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new StreamServiceMethodDescriptorSupplier("ListEvents"))
              .build();
        }
      }
    }
    return getListEventsMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static StreamServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<StreamServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<StreamServiceStub>() {
        @java.lang.Override
        public StreamServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new StreamServiceStub(channel, callOptions);
        }
      };
    return StreamServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static StreamServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<StreamServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<StreamServiceBlockingV2Stub>() {
        @java.lang.Override
        public StreamServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new StreamServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return StreamServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static StreamServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<StreamServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<StreamServiceBlockingStub>() {
        @java.lang.Override
        public StreamServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new StreamServiceBlockingStub(channel, callOptions);
        }
      };
    return StreamServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static StreamServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<StreamServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<StreamServiceFutureStub>() {
        @java.lang.Override
        public StreamServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new StreamServiceFutureStub(channel, callOptions);
        }
      };
    return StreamServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * StreamService starts and stops streams of call audio and tells what becomes of them.
   * Every error carries google.rpc.ErrorInfo (domain "callstream"); its reason is the word to switch on.
   * A gateway with tokens wants one with every method of every service, as metadata "authorization: Bearer TOKEN":
   * UNAUTHENTICATED/BAD_TOKEN without a valid one, PERMISSION_DENIED/SCOPE (metadata scope) if it is not for the method.
   * What a token may not see is NOT_FOUND, and in no list, snapshot or event.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * StartStream starts streaming a call's audio to a WebSocket endpoint. It answers once RELAY has accepted the start
     * (or, with wait_until, once audio flows).
     * Idempotent by control_id: asking again with the same control_id and the same parameters never makes a second
     * stream. A client that may retry sets control_id itself.
     * Errors: INVALID_ARGUMENT; PERMISSION_DENIED/URL_NOT_ALLOWED (metadata field, place), NOT_ALLOWED (the token's labels
     * are others); NOT_FOUND/CALL_NOT_FOUND; ALREADY_EXISTS/STREAM_EXISTS; FAILED_PRECONDITION/CALL_ENDED, RELAY_REJECTED
     * (metadata relay_code); RESOURCE_EXHAUSTED/STREAM_LIMIT, RATE_LIMIT (retry after RetryInfo); UNAVAILABLE (nothing was
     * sent: retry); ABORTED/OUTCOME_UNKNOWN and DEADLINE_EXCEEDED (ask again with the same control_id).
     * </pre>
     */
    default void startStream(io.callstream.v1.StartStreamRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.StartStreamResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getStartStreamMethod(), responseObserver);
    }

    /**
     * <pre>
     * StopStream stops a stream, also one that is still starting. Stopping a stream that has ended succeeds. It answers
     * once RELAY has taken the stop; use wait_until or WaitStream to wait for the end.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND; FAILED_PRECONDITION/RELAY_REJECTED; UNAVAILABLE;
     * ABORTED/OUTCOME_UNKNOWN; DEADLINE_EXCEEDED.
     * </pre>
     */
    default void stopStream(io.callstream.v1.StopStreamRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.StopStreamResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getStopStreamMethod(), responseObserver);
    }

    /**
     * <pre>
     * StopCallStreams stops every active stream of a call and reports on each.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND. What went wrong with a single stream is in its result.
     * </pre>
     */
    default void stopCallStreams(io.callstream.v1.StopCallStreamsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.StopCallStreamsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getStopCallStreamsMethod(), responseObserver);
    }

    /**
     * <pre>
     * GetStream returns a stream as it is now, or as it ended.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND (never known, or ended so long ago that it was forgotten).
     * </pre>
     */
    default void getStream(io.callstream.v1.GetStreamRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.GetStreamResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetStreamMethod(), responseObserver);
    }

    /**
     * <pre>
     * ListStreams returns the streams that match, by create time, in pages.
     * Errors: INVALID_ARGUMENT.
     * </pre>
     */
    default void listStreams(io.callstream.v1.ListStreamsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.ListStreamsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListStreamsMethod(), responseObserver);
    }

    /**
     * <pre>
     * WaitStream returns the stream once it has ended, at once if it already has. The deadline bounds it.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND; UNAVAILABLE/DRAINING; DEADLINE_EXCEEDED.
     * </pre>
     */
    default void waitStream(io.callstream.v1.WaitStreamRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.WaitStreamResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWaitStreamMethod(), responseObserver);
    }

    /**
     * <pre>
     * WatchEvents streams events: first `opened`, then a snapshot if asked for, then every matching event in order.
     * Each response carries a cursor; a watch that is opened with the last cursor received goes on where that one stopped,
     * on any later process, without a hole or a repetition.
     * It ends with OK when its `until` is reached. It ends with UNAVAILABLE after `closing`: open it again at the cursor.
     * Errors: INVALID_ARGUMENT; OUT_OF_RANGE/CURSOR_COMPACTED, EPOCH_CHANGED, CURSOR_AHEAD (watch again with a snapshot);
     * RESOURCE_EXHAUSTED/WATCH_LIMIT; UNAVAILABLE/DRAINING, MAX_AGE.
     * </pre>
     */
    default void watchEvents(io.callstream.v1.WatchEventsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.WatchEventsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchEventsMethod(), responseObserver);
    }

    /**
     * <pre>
     * ListEvents returns the same history in pages, for clients that can't stream. With `wait` it is a long poll.
     * Errors: as for WatchEvents.
     * </pre>
     */
    default void listEvents(io.callstream.v1.ListEventsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.ListEventsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListEventsMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service StreamService.
   * <pre>
   * StreamService starts and stops streams of call audio and tells what becomes of them.
   * Every error carries google.rpc.ErrorInfo (domain "callstream"); its reason is the word to switch on.
   * A gateway with tokens wants one with every method of every service, as metadata "authorization: Bearer TOKEN":
   * UNAUTHENTICATED/BAD_TOKEN without a valid one, PERMISSION_DENIED/SCOPE (metadata scope) if it is not for the method.
   * What a token may not see is NOT_FOUND, and in no list, snapshot or event.
   * </pre>
   */
  public static abstract class StreamServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return StreamServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service StreamService.
   * <pre>
   * StreamService starts and stops streams of call audio and tells what becomes of them.
   * Every error carries google.rpc.ErrorInfo (domain "callstream"); its reason is the word to switch on.
   * A gateway with tokens wants one with every method of every service, as metadata "authorization: Bearer TOKEN":
   * UNAUTHENTICATED/BAD_TOKEN without a valid one, PERMISSION_DENIED/SCOPE (metadata scope) if it is not for the method.
   * What a token may not see is NOT_FOUND, and in no list, snapshot or event.
   * </pre>
   */
  public static final class StreamServiceStub
      extends io.grpc.stub.AbstractAsyncStub<StreamServiceStub> {
    private StreamServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected StreamServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new StreamServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * StartStream starts streaming a call's audio to a WebSocket endpoint. It answers once RELAY has accepted the start
     * (or, with wait_until, once audio flows).
     * Idempotent by control_id: asking again with the same control_id and the same parameters never makes a second
     * stream. A client that may retry sets control_id itself.
     * Errors: INVALID_ARGUMENT; PERMISSION_DENIED/URL_NOT_ALLOWED (metadata field, place), NOT_ALLOWED (the token's labels
     * are others); NOT_FOUND/CALL_NOT_FOUND; ALREADY_EXISTS/STREAM_EXISTS; FAILED_PRECONDITION/CALL_ENDED, RELAY_REJECTED
     * (metadata relay_code); RESOURCE_EXHAUSTED/STREAM_LIMIT, RATE_LIMIT (retry after RetryInfo); UNAVAILABLE (nothing was
     * sent: retry); ABORTED/OUTCOME_UNKNOWN and DEADLINE_EXCEEDED (ask again with the same control_id).
     * </pre>
     */
    public void startStream(io.callstream.v1.StartStreamRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.StartStreamResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getStartStreamMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * StopStream stops a stream, also one that is still starting. Stopping a stream that has ended succeeds. It answers
     * once RELAY has taken the stop; use wait_until or WaitStream to wait for the end.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND; FAILED_PRECONDITION/RELAY_REJECTED; UNAVAILABLE;
     * ABORTED/OUTCOME_UNKNOWN; DEADLINE_EXCEEDED.
     * </pre>
     */
    public void stopStream(io.callstream.v1.StopStreamRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.StopStreamResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getStopStreamMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * StopCallStreams stops every active stream of a call and reports on each.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND. What went wrong with a single stream is in its result.
     * </pre>
     */
    public void stopCallStreams(io.callstream.v1.StopCallStreamsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.StopCallStreamsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getStopCallStreamsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * GetStream returns a stream as it is now, or as it ended.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND (never known, or ended so long ago that it was forgotten).
     * </pre>
     */
    public void getStream(io.callstream.v1.GetStreamRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.GetStreamResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetStreamMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * ListStreams returns the streams that match, by create time, in pages.
     * Errors: INVALID_ARGUMENT.
     * </pre>
     */
    public void listStreams(io.callstream.v1.ListStreamsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.ListStreamsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListStreamsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * WaitStream returns the stream once it has ended, at once if it already has. The deadline bounds it.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND; UNAVAILABLE/DRAINING; DEADLINE_EXCEEDED.
     * </pre>
     */
    public void waitStream(io.callstream.v1.WaitStreamRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.WaitStreamResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getWaitStreamMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * WatchEvents streams events: first `opened`, then a snapshot if asked for, then every matching event in order.
     * Each response carries a cursor; a watch that is opened with the last cursor received goes on where that one stopped,
     * on any later process, without a hole or a repetition.
     * It ends with OK when its `until` is reached. It ends with UNAVAILABLE after `closing`: open it again at the cursor.
     * Errors: INVALID_ARGUMENT; OUT_OF_RANGE/CURSOR_COMPACTED, EPOCH_CHANGED, CURSOR_AHEAD (watch again with a snapshot);
     * RESOURCE_EXHAUSTED/WATCH_LIMIT; UNAVAILABLE/DRAINING, MAX_AGE.
     * </pre>
     */
    public void watchEvents(io.callstream.v1.WatchEventsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.WatchEventsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchEventsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * ListEvents returns the same history in pages, for clients that can't stream. With `wait` it is a long poll.
     * Errors: as for WatchEvents.
     * </pre>
     */
    public void listEvents(io.callstream.v1.ListEventsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.ListEventsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListEventsMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service StreamService.
   * <pre>
   * StreamService starts and stops streams of call audio and tells what becomes of them.
   * Every error carries google.rpc.ErrorInfo (domain "callstream"); its reason is the word to switch on.
   * A gateway with tokens wants one with every method of every service, as metadata "authorization: Bearer TOKEN":
   * UNAUTHENTICATED/BAD_TOKEN without a valid one, PERMISSION_DENIED/SCOPE (metadata scope) if it is not for the method.
   * What a token may not see is NOT_FOUND, and in no list, snapshot or event.
   * </pre>
   */
  public static final class StreamServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<StreamServiceBlockingV2Stub> {
    private StreamServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected StreamServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new StreamServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * StartStream starts streaming a call's audio to a WebSocket endpoint. It answers once RELAY has accepted the start
     * (or, with wait_until, once audio flows).
     * Idempotent by control_id: asking again with the same control_id and the same parameters never makes a second
     * stream. A client that may retry sets control_id itself.
     * Errors: INVALID_ARGUMENT; PERMISSION_DENIED/URL_NOT_ALLOWED (metadata field, place), NOT_ALLOWED (the token's labels
     * are others); NOT_FOUND/CALL_NOT_FOUND; ALREADY_EXISTS/STREAM_EXISTS; FAILED_PRECONDITION/CALL_ENDED, RELAY_REJECTED
     * (metadata relay_code); RESOURCE_EXHAUSTED/STREAM_LIMIT, RATE_LIMIT (retry after RetryInfo); UNAVAILABLE (nothing was
     * sent: retry); ABORTED/OUTCOME_UNKNOWN and DEADLINE_EXCEEDED (ask again with the same control_id).
     * </pre>
     */
    public io.callstream.v1.StartStreamResponse startStream(io.callstream.v1.StartStreamRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getStartStreamMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * StopStream stops a stream, also one that is still starting. Stopping a stream that has ended succeeds. It answers
     * once RELAY has taken the stop; use wait_until or WaitStream to wait for the end.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND; FAILED_PRECONDITION/RELAY_REJECTED; UNAVAILABLE;
     * ABORTED/OUTCOME_UNKNOWN; DEADLINE_EXCEEDED.
     * </pre>
     */
    public io.callstream.v1.StopStreamResponse stopStream(io.callstream.v1.StopStreamRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getStopStreamMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * StopCallStreams stops every active stream of a call and reports on each.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND. What went wrong with a single stream is in its result.
     * </pre>
     */
    public io.callstream.v1.StopCallStreamsResponse stopCallStreams(io.callstream.v1.StopCallStreamsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getStopCallStreamsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * GetStream returns a stream as it is now, or as it ended.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND (never known, or ended so long ago that it was forgotten).
     * </pre>
     */
    public io.callstream.v1.GetStreamResponse getStream(io.callstream.v1.GetStreamRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetStreamMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListStreams returns the streams that match, by create time, in pages.
     * Errors: INVALID_ARGUMENT.
     * </pre>
     */
    public io.callstream.v1.ListStreamsResponse listStreams(io.callstream.v1.ListStreamsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListStreamsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * WaitStream returns the stream once it has ended, at once if it already has. The deadline bounds it.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND; UNAVAILABLE/DRAINING; DEADLINE_EXCEEDED.
     * </pre>
     */
    public io.callstream.v1.WaitStreamResponse waitStream(io.callstream.v1.WaitStreamRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getWaitStreamMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * WatchEvents streams events: first `opened`, then a snapshot if asked for, then every matching event in order.
     * Each response carries a cursor; a watch that is opened with the last cursor received goes on where that one stopped,
     * on any later process, without a hole or a repetition.
     * It ends with OK when its `until` is reached. It ends with UNAVAILABLE after `closing`: open it again at the cursor.
     * Errors: INVALID_ARGUMENT; OUT_OF_RANGE/CURSOR_COMPACTED, EPOCH_CHANGED, CURSOR_AHEAD (watch again with a snapshot);
     * RESOURCE_EXHAUSTED/WATCH_LIMIT; UNAVAILABLE/DRAINING, MAX_AGE.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, io.callstream.v1.WatchEventsResponse>
        watchEvents(io.callstream.v1.WatchEventsRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchEventsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListEvents returns the same history in pages, for clients that can't stream. With `wait` it is a long poll.
     * Errors: as for WatchEvents.
     * </pre>
     */
    public io.callstream.v1.ListEventsResponse listEvents(io.callstream.v1.ListEventsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListEventsMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service StreamService.
   * <pre>
   * StreamService starts and stops streams of call audio and tells what becomes of them.
   * Every error carries google.rpc.ErrorInfo (domain "callstream"); its reason is the word to switch on.
   * A gateway with tokens wants one with every method of every service, as metadata "authorization: Bearer TOKEN":
   * UNAUTHENTICATED/BAD_TOKEN without a valid one, PERMISSION_DENIED/SCOPE (metadata scope) if it is not for the method.
   * What a token may not see is NOT_FOUND, and in no list, snapshot or event.
   * </pre>
   */
  public static final class StreamServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<StreamServiceBlockingStub> {
    private StreamServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected StreamServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new StreamServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * StartStream starts streaming a call's audio to a WebSocket endpoint. It answers once RELAY has accepted the start
     * (or, with wait_until, once audio flows).
     * Idempotent by control_id: asking again with the same control_id and the same parameters never makes a second
     * stream. A client that may retry sets control_id itself.
     * Errors: INVALID_ARGUMENT; PERMISSION_DENIED/URL_NOT_ALLOWED (metadata field, place), NOT_ALLOWED (the token's labels
     * are others); NOT_FOUND/CALL_NOT_FOUND; ALREADY_EXISTS/STREAM_EXISTS; FAILED_PRECONDITION/CALL_ENDED, RELAY_REJECTED
     * (metadata relay_code); RESOURCE_EXHAUSTED/STREAM_LIMIT, RATE_LIMIT (retry after RetryInfo); UNAVAILABLE (nothing was
     * sent: retry); ABORTED/OUTCOME_UNKNOWN and DEADLINE_EXCEEDED (ask again with the same control_id).
     * </pre>
     */
    public io.callstream.v1.StartStreamResponse startStream(io.callstream.v1.StartStreamRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getStartStreamMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * StopStream stops a stream, also one that is still starting. Stopping a stream that has ended succeeds. It answers
     * once RELAY has taken the stop; use wait_until or WaitStream to wait for the end.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND; FAILED_PRECONDITION/RELAY_REJECTED; UNAVAILABLE;
     * ABORTED/OUTCOME_UNKNOWN; DEADLINE_EXCEEDED.
     * </pre>
     */
    public io.callstream.v1.StopStreamResponse stopStream(io.callstream.v1.StopStreamRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getStopStreamMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * StopCallStreams stops every active stream of a call and reports on each.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND. What went wrong with a single stream is in its result.
     * </pre>
     */
    public io.callstream.v1.StopCallStreamsResponse stopCallStreams(io.callstream.v1.StopCallStreamsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getStopCallStreamsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * GetStream returns a stream as it is now, or as it ended.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND (never known, or ended so long ago that it was forgotten).
     * </pre>
     */
    public io.callstream.v1.GetStreamResponse getStream(io.callstream.v1.GetStreamRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetStreamMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListStreams returns the streams that match, by create time, in pages.
     * Errors: INVALID_ARGUMENT.
     * </pre>
     */
    public io.callstream.v1.ListStreamsResponse listStreams(io.callstream.v1.ListStreamsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListStreamsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * WaitStream returns the stream once it has ended, at once if it already has. The deadline bounds it.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND; UNAVAILABLE/DRAINING; DEADLINE_EXCEEDED.
     * </pre>
     */
    public io.callstream.v1.WaitStreamResponse waitStream(io.callstream.v1.WaitStreamRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getWaitStreamMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * WatchEvents streams events: first `opened`, then a snapshot if asked for, then every matching event in order.
     * Each response carries a cursor; a watch that is opened with the last cursor received goes on where that one stopped,
     * on any later process, without a hole or a repetition.
     * It ends with OK when its `until` is reached. It ends with UNAVAILABLE after `closing`: open it again at the cursor.
     * Errors: INVALID_ARGUMENT; OUT_OF_RANGE/CURSOR_COMPACTED, EPOCH_CHANGED, CURSOR_AHEAD (watch again with a snapshot);
     * RESOURCE_EXHAUSTED/WATCH_LIMIT; UNAVAILABLE/DRAINING, MAX_AGE.
     * </pre>
     */
    public java.util.Iterator<io.callstream.v1.WatchEventsResponse> watchEvents(
        io.callstream.v1.WatchEventsRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchEventsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListEvents returns the same history in pages, for clients that can't stream. With `wait` it is a long poll.
     * Errors: as for WatchEvents.
     * </pre>
     */
    public io.callstream.v1.ListEventsResponse listEvents(io.callstream.v1.ListEventsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListEventsMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service StreamService.
   * <pre>
   * StreamService starts and stops streams of call audio and tells what becomes of them.
   * Every error carries google.rpc.ErrorInfo (domain "callstream"); its reason is the word to switch on.
   * A gateway with tokens wants one with every method of every service, as metadata "authorization: Bearer TOKEN":
   * UNAUTHENTICATED/BAD_TOKEN without a valid one, PERMISSION_DENIED/SCOPE (metadata scope) if it is not for the method.
   * What a token may not see is NOT_FOUND, and in no list, snapshot or event.
   * </pre>
   */
  public static final class StreamServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<StreamServiceFutureStub> {
    private StreamServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected StreamServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new StreamServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * StartStream starts streaming a call's audio to a WebSocket endpoint. It answers once RELAY has accepted the start
     * (or, with wait_until, once audio flows).
     * Idempotent by control_id: asking again with the same control_id and the same parameters never makes a second
     * stream. A client that may retry sets control_id itself.
     * Errors: INVALID_ARGUMENT; PERMISSION_DENIED/URL_NOT_ALLOWED (metadata field, place), NOT_ALLOWED (the token's labels
     * are others); NOT_FOUND/CALL_NOT_FOUND; ALREADY_EXISTS/STREAM_EXISTS; FAILED_PRECONDITION/CALL_ENDED, RELAY_REJECTED
     * (metadata relay_code); RESOURCE_EXHAUSTED/STREAM_LIMIT, RATE_LIMIT (retry after RetryInfo); UNAVAILABLE (nothing was
     * sent: retry); ABORTED/OUTCOME_UNKNOWN and DEADLINE_EXCEEDED (ask again with the same control_id).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.StartStreamResponse> startStream(
        io.callstream.v1.StartStreamRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getStartStreamMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * StopStream stops a stream, also one that is still starting. Stopping a stream that has ended succeeds. It answers
     * once RELAY has taken the stop; use wait_until or WaitStream to wait for the end.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND; FAILED_PRECONDITION/RELAY_REJECTED; UNAVAILABLE;
     * ABORTED/OUTCOME_UNKNOWN; DEADLINE_EXCEEDED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.StopStreamResponse> stopStream(
        io.callstream.v1.StopStreamRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getStopStreamMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * StopCallStreams stops every active stream of a call and reports on each.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/CALL_NOT_FOUND. What went wrong with a single stream is in its result.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.StopCallStreamsResponse> stopCallStreams(
        io.callstream.v1.StopCallStreamsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getStopCallStreamsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * GetStream returns a stream as it is now, or as it ended.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND (never known, or ended so long ago that it was forgotten).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.GetStreamResponse> getStream(
        io.callstream.v1.GetStreamRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetStreamMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * ListStreams returns the streams that match, by create time, in pages.
     * Errors: INVALID_ARGUMENT.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.ListStreamsResponse> listStreams(
        io.callstream.v1.ListStreamsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListStreamsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * WaitStream returns the stream once it has ended, at once if it already has. The deadline bounds it.
     * Errors: INVALID_ARGUMENT; NOT_FOUND/STREAM_NOT_FOUND; UNAVAILABLE/DRAINING; DEADLINE_EXCEEDED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.WaitStreamResponse> waitStream(
        io.callstream.v1.WaitStreamRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getWaitStreamMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * ListEvents returns the same history in pages, for clients that can't stream. With `wait` it is a long poll.
     * Errors: as for WatchEvents.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.ListEventsResponse> listEvents(
        io.callstream.v1.ListEventsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListEventsMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_START_STREAM = 0;
  private static final int METHODID_STOP_STREAM = 1;
  private static final int METHODID_STOP_CALL_STREAMS = 2;
  private static final int METHODID_GET_STREAM = 3;
  private static final int METHODID_LIST_STREAMS = 4;
  private static final int METHODID_WAIT_STREAM = 5;
  private static final int METHODID_WATCH_EVENTS = 6;
  private static final int METHODID_LIST_EVENTS = 7;

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
        case METHODID_START_STREAM:
          serviceImpl.startStream((io.callstream.v1.StartStreamRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.StartStreamResponse>) responseObserver);
          break;
        case METHODID_STOP_STREAM:
          serviceImpl.stopStream((io.callstream.v1.StopStreamRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.StopStreamResponse>) responseObserver);
          break;
        case METHODID_STOP_CALL_STREAMS:
          serviceImpl.stopCallStreams((io.callstream.v1.StopCallStreamsRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.StopCallStreamsResponse>) responseObserver);
          break;
        case METHODID_GET_STREAM:
          serviceImpl.getStream((io.callstream.v1.GetStreamRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.GetStreamResponse>) responseObserver);
          break;
        case METHODID_LIST_STREAMS:
          serviceImpl.listStreams((io.callstream.v1.ListStreamsRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.ListStreamsResponse>) responseObserver);
          break;
        case METHODID_WAIT_STREAM:
          serviceImpl.waitStream((io.callstream.v1.WaitStreamRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.WaitStreamResponse>) responseObserver);
          break;
        case METHODID_WATCH_EVENTS:
          serviceImpl.watchEvents((io.callstream.v1.WatchEventsRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.WatchEventsResponse>) responseObserver);
          break;
        case METHODID_LIST_EVENTS:
          serviceImpl.listEvents((io.callstream.v1.ListEventsRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.ListEventsResponse>) responseObserver);
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
          getStartStreamMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.StartStreamRequest,
              io.callstream.v1.StartStreamResponse>(
                service, METHODID_START_STREAM)))
        .addMethod(
          getStopStreamMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.StopStreamRequest,
              io.callstream.v1.StopStreamResponse>(
                service, METHODID_STOP_STREAM)))
        .addMethod(
          getStopCallStreamsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.StopCallStreamsRequest,
              io.callstream.v1.StopCallStreamsResponse>(
                service, METHODID_STOP_CALL_STREAMS)))
        .addMethod(
          getGetStreamMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.GetStreamRequest,
              io.callstream.v1.GetStreamResponse>(
                service, METHODID_GET_STREAM)))
        .addMethod(
          getListStreamsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.ListStreamsRequest,
              io.callstream.v1.ListStreamsResponse>(
                service, METHODID_LIST_STREAMS)))
        .addMethod(
          getWaitStreamMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.WaitStreamRequest,
              io.callstream.v1.WaitStreamResponse>(
                service, METHODID_WAIT_STREAM)))
        .addMethod(
          getWatchEventsMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              io.callstream.v1.WatchEventsRequest,
              io.callstream.v1.WatchEventsResponse>(
                service, METHODID_WATCH_EVENTS)))
        .addMethod(
          getListEventsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.ListEventsRequest,
              io.callstream.v1.ListEventsResponse>(
                service, METHODID_LIST_EVENTS)))
        .build();
  }

  private static abstract class StreamServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    StreamServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.callstream.v1.StreamServiceOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("StreamService");
    }
  }

  private static final class StreamServiceFileDescriptorSupplier
      extends StreamServiceBaseDescriptorSupplier {
    StreamServiceFileDescriptorSupplier() {}
  }

  private static final class StreamServiceMethodDescriptorSupplier
      extends StreamServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    StreamServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (StreamServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new StreamServiceFileDescriptorSupplier())
              .addMethod(getStartStreamMethod())
              .addMethod(getStopStreamMethod())
              .addMethod(getStopCallStreamsMethod())
              .addMethod(getGetStreamMethod())
              .addMethod(getListStreamsMethod())
              .addMethod(getWaitStreamMethod())
              .addMethod(getWatchEventsMethod())
              .addMethod(getListEventsMethod())
              .build();
        }
      }
    }
    return result;
  }
}
