package callstream_test

import (
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callstream/callstream/clients/go/callstream"
	callstreamv1 "github.com/callstream/callstream/clients/go/callstream/v1"
)

// A rpc is what the gateway of a test does with one WatchEvents: it sends the messages, and then ends as told.
type rpc struct {
	messages []*callstreamv1.WatchEventsResponse
	end      error // nil: complete
	hang     bool  // says nothing more, until the client leaves or the connection breaks
}

// A gateway serves WatchEvents by a script, one rpc after the other, and refuses whatever comes after the last.
type gateway struct {
	callstreamv1.UnimplementedStreamServiceServer
	listener *cuttableListener

	mu       sync.Mutex
	script   []rpc
	requests []*callstreamv1.WatchEventsRequest
	times    []time.Time // when they came
	last     grpc.ServerStream
}

func (g *gateway) WatchEvents(
	request *callstreamv1.WatchEventsRequest, stream grpc.ServerStreamingServer[callstreamv1.WatchEventsResponse],
) error {
	g.mu.Lock()
	if g.last != nil {
		<-g.last.Context().Done() // a watch that had two of them open would stay here for ever
	}
	g.last = stream
	g.requests = append(g.requests, request)
	g.times = append(g.times, time.Now())
	if len(g.script) == 0 {
		g.mu.Unlock()
		return status.Error(codes.FailedPrecondition, "not in the script")
	}
	now := g.script[0]
	g.script = g.script[1:]
	g.mu.Unlock()

	for _, message := range now.messages {
		if err := stream.Send(message); err != nil {
			return err
		}
	}
	if now.hang {
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	return now.end
}

// seen returns the requests that came.
func (g *gateway) seen() []*callstreamv1.WatchEventsRequest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.requests
}

// serve runs a gateway on a socket of its own, and connects to it.
func serve(t *testing.T, script ...rpc) (*gateway, callstreamv1.StreamServiceClient) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, listener.Addr().String())
	return start(t, listener, script), callstreamv1.NewStreamServiceClient(conn)
}

// start runs a gateway. The test can't end before its RPCs have: connect first, as a connection that is closed ends them.
func start(t *testing.T, listener net.Listener, script []rpc) *gateway {
	t.Helper()
	g := &gateway{listener: &cuttableListener{Listener: listener}, script: script}
	server := grpc.NewServer(grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second}))
	callstreamv1.RegisterStreamServiceServer(server, g)
	go func() { _ = server.Serve(g.listener) }()
	t.Cleanup(server.GracefulStop)
	return g
}

func connect(t *testing.T, target string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	opts = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, opts...)
	conn, err := callstream.Connect(target, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A cuttableListener can break the connections that it has accepted.
type cuttableListener struct {
	net.Listener
	mu       sync.Mutex
	accepted []net.Conn
}

func (l *cuttableListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.accepted = append(l.accepted, conn)
		l.mu.Unlock()
	}
	return conn, err
}

func (l *cuttableListener) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.accepted {
		_ = conn.Close()
	}
	l.accepted = nil
}

// opened is the first message of a watch.
func opened(cursor string) *callstreamv1.WatchEventsResponse {
	return &callstreamv1.WatchEventsResponse{Cursor: cursor, Kind: &callstreamv1.WatchEventsResponse_Opened{
		Opened: &callstreamv1.WatchOpened{BookmarkInterval: durationpb.New(time.Minute)},
	}}
}

// event is a batch of one event of this sequence.
func event(cursor string, sequence uint64) *callstreamv1.WatchEventsResponse {
	return &callstreamv1.WatchEventsResponse{Cursor: cursor, Kind: &callstreamv1.WatchEventsResponse_Events{
		Events: &callstreamv1.EventBatch{Events: []*callstreamv1.Event{{Sequence: sequence}}},
	}}
}

// part is a part of a snapshot.
func part(cursor string, last bool) *callstreamv1.WatchEventsResponse {
	return &callstreamv1.WatchEventsResponse{Cursor: cursor, Kind: &callstreamv1.WatchEventsResponse_Snapshot{
		Snapshot: &callstreamv1.WatchSnapshot{Last: last},
	}}
}

func bookmark(cursor string) *callstreamv1.WatchEventsResponse {
	return &callstreamv1.WatchEventsResponse{Cursor: cursor, Kind: &callstreamv1.WatchEventsResponse_Bookmark{
		Bookmark: &callstreamv1.WatchBookmark{},
	}}
}

func closing(cursor string, retryAfter time.Duration) *callstreamv1.WatchEventsResponse {
	return &callstreamv1.WatchEventsResponse{Cursor: cursor, Kind: &callstreamv1.WatchEventsResponse_Closing{
		Closing: &callstreamv1.WatchClosing{RetryAfter: durationpb.New(retryAfter)},
	}}
}
