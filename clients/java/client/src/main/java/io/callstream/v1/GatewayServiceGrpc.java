package io.callstream.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * GatewayService tells about the gateway itself.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class GatewayServiceGrpc {

  private GatewayServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "callstream.v1.GatewayService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.GetGatewayInfoRequest,
      io.callstream.v1.GetGatewayInfoResponse> getGetGatewayInfoMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetGatewayInfo",
      requestType = io.callstream.v1.GetGatewayInfoRequest.class,
      responseType = io.callstream.v1.GetGatewayInfoResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.GetGatewayInfoRequest,
      io.callstream.v1.GetGatewayInfoResponse> getGetGatewayInfoMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.GetGatewayInfoRequest, io.callstream.v1.GetGatewayInfoResponse> getGetGatewayInfoMethod;
    if ((getGetGatewayInfoMethod = GatewayServiceGrpc.getGetGatewayInfoMethod) == null) {
      synchronized (GatewayServiceGrpc.class) {
        if ((getGetGatewayInfoMethod = GatewayServiceGrpc.getGetGatewayInfoMethod) == null) {
          GatewayServiceGrpc.getGetGatewayInfoMethod = getGetGatewayInfoMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.GetGatewayInfoRequest, io.callstream.v1.GetGatewayInfoResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetGatewayInfo"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.GetGatewayInfoRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.GetGatewayInfoResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GatewayServiceMethodDescriptorSupplier("GetGatewayInfo"))
              .build();
        }
      }
    }
    return getGetGatewayInfoMethod;
  }

  private static volatile io.grpc.MethodDescriptor<io.callstream.v1.UpdateContextsRequest,
      io.callstream.v1.UpdateContextsResponse> getUpdateContextsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "UpdateContexts",
      requestType = io.callstream.v1.UpdateContextsRequest.class,
      responseType = io.callstream.v1.UpdateContextsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<io.callstream.v1.UpdateContextsRequest,
      io.callstream.v1.UpdateContextsResponse> getUpdateContextsMethod() {
    io.grpc.MethodDescriptor<io.callstream.v1.UpdateContextsRequest, io.callstream.v1.UpdateContextsResponse> getUpdateContextsMethod;
    if ((getUpdateContextsMethod = GatewayServiceGrpc.getUpdateContextsMethod) == null) {
      synchronized (GatewayServiceGrpc.class) {
        if ((getUpdateContextsMethod = GatewayServiceGrpc.getUpdateContextsMethod) == null) {
          GatewayServiceGrpc.getUpdateContextsMethod = getUpdateContextsMethod =
              io.grpc.MethodDescriptor.<io.callstream.v1.UpdateContextsRequest, io.callstream.v1.UpdateContextsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "UpdateContexts"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.UpdateContextsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  io.callstream.v1.UpdateContextsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GatewayServiceMethodDescriptorSupplier("UpdateContexts"))
              .build();
        }
      }
    }
    return getUpdateContextsMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static GatewayServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GatewayServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GatewayServiceStub>() {
        @java.lang.Override
        public GatewayServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GatewayServiceStub(channel, callOptions);
        }
      };
    return GatewayServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static GatewayServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GatewayServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GatewayServiceBlockingV2Stub>() {
        @java.lang.Override
        public GatewayServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GatewayServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return GatewayServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static GatewayServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GatewayServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GatewayServiceBlockingStub>() {
        @java.lang.Override
        public GatewayServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GatewayServiceBlockingStub(channel, callOptions);
        }
      };
    return GatewayServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static GatewayServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GatewayServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GatewayServiceFutureStub>() {
        @java.lang.Override
        public GatewayServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GatewayServiceFutureStub(channel, callOptions);
        }
      };
    return GatewayServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * GatewayService tells about the gateway itself.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * GetGatewayInfo returns version, limits, and the states of the RELAY session and of the journal.
     * </pre>
     */
    default void getGatewayInfo(io.callstream.v1.GetGatewayInfoRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.GetGatewayInfoResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetGatewayInfoMethod(), responseObserver);
    }

    /**
     * <pre>
     * UpdateContexts adds and removes RELAY contexts: on which inbound calls are received. It holds until the process ends;
     * the contexts it starts with are a setting.
     * Errors: INVALID_ARGUMENT; FAILED_PRECONDITION/RELAY_REJECTED; UNAVAILABLE; ABORTED/OUTCOME_UNKNOWN;
     * DEADLINE_EXCEEDED.
     * </pre>
     */
    default void updateContexts(io.callstream.v1.UpdateContextsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.UpdateContextsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUpdateContextsMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service GatewayService.
   * <pre>
   * GatewayService tells about the gateway itself.
   * </pre>
   */
  public static abstract class GatewayServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return GatewayServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service GatewayService.
   * <pre>
   * GatewayService tells about the gateway itself.
   * </pre>
   */
  public static final class GatewayServiceStub
      extends io.grpc.stub.AbstractAsyncStub<GatewayServiceStub> {
    private GatewayServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GatewayServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GatewayServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * GetGatewayInfo returns version, limits, and the states of the RELAY session and of the journal.
     * </pre>
     */
    public void getGatewayInfo(io.callstream.v1.GetGatewayInfoRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.GetGatewayInfoResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetGatewayInfoMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * UpdateContexts adds and removes RELAY contexts: on which inbound calls are received. It holds until the process ends;
     * the contexts it starts with are a setting.
     * Errors: INVALID_ARGUMENT; FAILED_PRECONDITION/RELAY_REJECTED; UNAVAILABLE; ABORTED/OUTCOME_UNKNOWN;
     * DEADLINE_EXCEEDED.
     * </pre>
     */
    public void updateContexts(io.callstream.v1.UpdateContextsRequest request,
        io.grpc.stub.StreamObserver<io.callstream.v1.UpdateContextsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUpdateContextsMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service GatewayService.
   * <pre>
   * GatewayService tells about the gateway itself.
   * </pre>
   */
  public static final class GatewayServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<GatewayServiceBlockingV2Stub> {
    private GatewayServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GatewayServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GatewayServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * GetGatewayInfo returns version, limits, and the states of the RELAY session and of the journal.
     * </pre>
     */
    public io.callstream.v1.GetGatewayInfoResponse getGatewayInfo(io.callstream.v1.GetGatewayInfoRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetGatewayInfoMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * UpdateContexts adds and removes RELAY contexts: on which inbound calls are received. It holds until the process ends;
     * the contexts it starts with are a setting.
     * Errors: INVALID_ARGUMENT; FAILED_PRECONDITION/RELAY_REJECTED; UNAVAILABLE; ABORTED/OUTCOME_UNKNOWN;
     * DEADLINE_EXCEEDED.
     * </pre>
     */
    public io.callstream.v1.UpdateContextsResponse updateContexts(io.callstream.v1.UpdateContextsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUpdateContextsMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service GatewayService.
   * <pre>
   * GatewayService tells about the gateway itself.
   * </pre>
   */
  public static final class GatewayServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<GatewayServiceBlockingStub> {
    private GatewayServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GatewayServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GatewayServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * GetGatewayInfo returns version, limits, and the states of the RELAY session and of the journal.
     * </pre>
     */
    public io.callstream.v1.GetGatewayInfoResponse getGatewayInfo(io.callstream.v1.GetGatewayInfoRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetGatewayInfoMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * UpdateContexts adds and removes RELAY contexts: on which inbound calls are received. It holds until the process ends;
     * the contexts it starts with are a setting.
     * Errors: INVALID_ARGUMENT; FAILED_PRECONDITION/RELAY_REJECTED; UNAVAILABLE; ABORTED/OUTCOME_UNKNOWN;
     * DEADLINE_EXCEEDED.
     * </pre>
     */
    public io.callstream.v1.UpdateContextsResponse updateContexts(io.callstream.v1.UpdateContextsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUpdateContextsMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service GatewayService.
   * <pre>
   * GatewayService tells about the gateway itself.
   * </pre>
   */
  public static final class GatewayServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<GatewayServiceFutureStub> {
    private GatewayServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GatewayServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GatewayServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * GetGatewayInfo returns version, limits, and the states of the RELAY session and of the journal.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.GetGatewayInfoResponse> getGatewayInfo(
        io.callstream.v1.GetGatewayInfoRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetGatewayInfoMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * UpdateContexts adds and removes RELAY contexts: on which inbound calls are received. It holds until the process ends;
     * the contexts it starts with are a setting.
     * Errors: INVALID_ARGUMENT; FAILED_PRECONDITION/RELAY_REJECTED; UNAVAILABLE; ABORTED/OUTCOME_UNKNOWN;
     * DEADLINE_EXCEEDED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<io.callstream.v1.UpdateContextsResponse> updateContexts(
        io.callstream.v1.UpdateContextsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUpdateContextsMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_GET_GATEWAY_INFO = 0;
  private static final int METHODID_UPDATE_CONTEXTS = 1;

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
        case METHODID_GET_GATEWAY_INFO:
          serviceImpl.getGatewayInfo((io.callstream.v1.GetGatewayInfoRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.GetGatewayInfoResponse>) responseObserver);
          break;
        case METHODID_UPDATE_CONTEXTS:
          serviceImpl.updateContexts((io.callstream.v1.UpdateContextsRequest) request,
              (io.grpc.stub.StreamObserver<io.callstream.v1.UpdateContextsResponse>) responseObserver);
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
          getGetGatewayInfoMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.GetGatewayInfoRequest,
              io.callstream.v1.GetGatewayInfoResponse>(
                service, METHODID_GET_GATEWAY_INFO)))
        .addMethod(
          getUpdateContextsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              io.callstream.v1.UpdateContextsRequest,
              io.callstream.v1.UpdateContextsResponse>(
                service, METHODID_UPDATE_CONTEXTS)))
        .build();
  }

  private static abstract class GatewayServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    GatewayServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return io.callstream.v1.GatewayServiceOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("GatewayService");
    }
  }

  private static final class GatewayServiceFileDescriptorSupplier
      extends GatewayServiceBaseDescriptorSupplier {
    GatewayServiceFileDescriptorSupplier() {}
  }

  private static final class GatewayServiceMethodDescriptorSupplier
      extends GatewayServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    GatewayServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (GatewayServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new GatewayServiceFileDescriptorSupplier())
              .addMethod(getGetGatewayInfoMethod())
              .addMethod(getUpdateContextsMethod())
              .build();
        }
      }
    }
    return result;
  }
}
