package callstream_test

import (
	"net"
	"sync"
	"sync/atomic"
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
	beat     bool  // says nothing more but bookmarks, a second apart
}

// A gateway serves WatchEvents by a script, one rpc after the other, and refuses whatever comes after the last.
type gateway struct {
	callstreamv1.UnimplementedStreamServiceServer
	listener *cuttableListener
	crowded  bool // takes more than one RPC at a time

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
	if g.last != nil && !g.crowded {
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
	for now.beat && stream.Context().Err() == nil {
		time.Sleep(time.Second) // in a bubble
		_ = stream.Send(bookmark("c0"))
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
func serve(t *testing.T, script ...rpc) (*gateway, *callstream.Client) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := connect(t, listener.Addr().String())
	return start(t, listener, script), client
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

func connect(t *testing.T, target string, opts ...grpc.DialOption) *callstream.Client {
	t.Helper()
	opts = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, opts...)
	client, err := callstream.Connect(target, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
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

// A mortalConn goes dead without a word: what is written is lost, and nothing is read any more.
type mortalConn struct {
	net.Conn
	dead atomic.Bool
}

func (c *mortalConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for err == nil && c.dead.Load() {
		n, err = c.Conn.Read(p)
	}
	return n, err
}

func (c *mortalConn) Write(p []byte) (int, error) {
	if c.dead.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
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
