package callstream_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callstream/callstream/clients/go/callstream"
	callstreamv1 "github.com/callstream/callstream/clients/go/callstream/v1"
)

type messages = []*callstreamv1.WatchEventsResponse

var (
	unavailable = status.Error(codes.Unavailable, "gone")
	soon        = callstream.WithBackoff(time.Millisecond, time.Millisecond)
	snapshot    = &callstreamv1.WatchEventsRequest{IncludeSnapshot: true}
	fromOldest  = &callstreamv1.WatchEventsRequest{
		Start: &callstreamv1.WatchEventsRequest_FromOldest{FromOldest: true},
	}
)

// Each case is a script of the gateway; what the user sees and what the gateway is asked for must come out of it.
func TestWatchGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		request *callstreamv1.WatchEventsRequest
		script  []rpc
		items   []string
		asked   []string
	}{
		"hands over in order, and ends when complete": {
			request: snapshot,
			script: []rpc{
				{messages: messages{opened("c1"), part("c1", false), part("c1", true), event("c2", 2), bookmark("c3")}},
			},
			items: []string{"snapshot c1", "snapshot c1 last", "events c2 [2]", "bookmark c3"},
			asked: []string{"snapshot"},
		},
		"resumes after events, bookmarks and closing": {
			request: fromOldest,
			script: []rpc{
				{messages: messages{opened("c0"), event("c1", 1)}, end: unavailable},
				{messages: messages{opened("c1"), bookmark("c2")}, end: unavailable},
				{messages: messages{opened("c2"), closing("c3", 0)}, end: unavailable},
				{messages: messages{opened("c3"), event("c4", 4)}},
			},
			items: []string{"events c1 [1]", "bookmark c2", "events c4 [4]"},
			asked: []string{"oldest", "after c1", "after c2", "after c3"},
		},
		"asks for the original start until it was opened": {
			request: fromOldest,
			script:  []rpc{{end: unavailable}, {end: unavailable}, {messages: messages{event("c1", 1)}}},
			items:   []string{"events c1 [1]"},
			asked:   []string{"oldest", "oldest", "oldest"},
		},
		"misses nothing between now and a break before the first event": {
			request: &callstreamv1.WatchEventsRequest{},
			script:  []rpc{{messages: messages{opened("c7")}, end: unavailable}, {messages: messages{event("c8", 8)}}},
			items:   []string{"events c8 [8]"},
			asked:   []string{"now", "after c7"},
		},
		"resumes when a server cancels it": {
			request: fromOldest,
			script: []rpc{
				{messages: messages{event("c1", 1)}, end: status.Error(codes.Canceled, "stopped")},
				{messages: messages{event("c2", 2)}},
			},
			items: []string{"events c1 [1]", "events c2 [2]"},
			asked: []string{"oldest", "after c1"},
		},
		"begins a snapshot that broke off again, and says so": {
			request: snapshot,
			script: []rpc{
				{messages: messages{opened("c1"), closing("c1", 0)}, end: unavailable},
				{messages: messages{opened("c2"), part("c2", false), part("c2", false)}, end: unavailable},
				{messages: messages{opened("c3"), part("c3", false), part("c3", true)}, end: unavailable},
				{messages: messages{opened("c3"), event("c4", 4)}},
			},
			items: []string{
				"snapshot c2", "snapshot c2", "snapshot c3 reset", "snapshot c3 last", "events c4 [4]",
			},
			asked: []string{"snapshot", "snapshot", "snapshot", "after c3"},
		},
		"goes on with a snapshot where the gateway no longer has the cursor": {
			request: fromOldest,
			script: []rpc{
				{messages: messages{opened("c0"), event("c1", 1)}, end: unavailable},
				{end: status.Error(codes.OutOfRange, "compacted")},
				{end: unavailable},
				{messages: messages{opened("d5"), part("d5", false), part("d5", true), event("d6", 6)}, end: unavailable},
				{messages: messages{opened("d6")}},
			},
			items: []string{"events c1 [1]", "snapshot d5 reset", "snapshot d5 last", "events d6 [6]"},
			asked: []string{"oldest", "after c1", "snapshot", "snapshot", "after d6"},
		},
		"takes part of a message of a kind that it does not know": {
			request: fromOldest,
			script: []rpc{
				{messages: messages{opened("c0"), {Cursor: "c1"}}, end: unavailable},
				{messages: messages{event("c2", 2)}},
			},
			items: []string{"events c2 [2]"},
			asked: []string{"oldest", "after c1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, client := serve(t, test.script...)
			items, err := collect(client.Watch(t.Context(), test.request, soon))
			if err != nil {
				t.Errorf("ended with %v", err)
			}
			equal(t, "items", items, test.items)
			equal(t, "requests", asked(g.seen()), test.asked)
		})
	}
}

// A connection that breaks is made again, and the watch goes on over the new one.
func TestWatchSurvivesABrokenConnection(t *testing.T) {
	t.Parallel()
	g, client := serve(t,
		rpc{messages: messages{opened("c0"), event("c1", 1)}, hang: true},
		rpc{messages: messages{opened("c1"), event("c2", 2)}},
	)
	for item, err := range client.Watch(t.Context(), fromOldest, soon) {
		if err != nil {
			t.Error(err)
		}
		if item.Cursor == "c1" {
			g.listener.cut()
		}
	}
	equal(t, "requests", asked(g.seen()), []string{"oldest", "after c1"})
}

// What trying again can't mend is the user's.
func TestWatchRaisesOtherErrors(t *testing.T) {
	t.Parallel()
	for _, code := range []codes.Code{
		codes.InvalidArgument, codes.ResourceExhausted, codes.PermissionDenied, codes.Internal, codes.Unimplemented,
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			_, client := serve(t, rpc{messages: messages{event("c1", 1)}, end: status.Error(code, "no")})
			items, err := collect(client.Watch(t.Context(), fromOldest, soon))
			equal(t, "items", items, []string{"events c1 [1]"})
			if status.Code(err) != code {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// A proxy between gateway and client that loses its upstream resets the stream with INTERNAL_ERROR.
func TestWatchSurvivesAStreamReset(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	resets := 0
	proxy := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			if resets++; resets < 3 {
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("Grpc-Status", "0")
		},
	)}
	proxy.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = proxy.Serve(listener) }()
	defer func() { _ = proxy.Close() }()
	client := connect(t, listener.Addr().String())
	if _, err := collect(client.Watch(t.Context(), fromOldest, soon)); err != nil || resets != 3 {
		t.Errorf("ended with %v after %d RPCs", err, resets)
	}
}

// The end of the context ends the watch, and the RPC at the gateway.
func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	g, client := serve(t, rpc{messages: messages{event("c1", 1)}, hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := error(nil)
	for _, ended = range client.Watch(ctx, fromOldest, soon) {
		cancel()
	}
	if !errors.Is(ended, context.Canceled) {
		t.Errorf("ended with %v", ended)
	}
	<-g.last.Context().Done()
}

// A context that ends while the watch waits to try again ends it, too.
func TestWatchEndsWithItsContextBetweenRPCs(t *testing.T) {
	t.Parallel()
	g, client := serve(t, rpc{end: unavailable})
	ctx, cancel := context.WithCancel(t.Context())
	hook := callstream.WithRetryHook(func(error, time.Duration) { cancel() })
	slow := callstream.WithBackoff(time.Hour, time.Hour)
	if _, err := collect(client.Watch(ctx, fromOldest, slow, hook)); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	equal(t, "requests", asked(g.seen()), []string{"oldest"})
}

// Leaving the loop leaves nothing open.
func TestWatchIsLeftWithItsLoop(t *testing.T) {
	t.Parallel()
	g, client := serve(t, rpc{messages: messages{event("c1", 1), event("c2", 2)}, hang: true})
	for range client.Watch(t.Context(), fromOldest, soon) {
		break
	}
	<-g.last.Context().Done()
}

// A range over the same sequence is a new watch with the request as it was given.
func TestWatchCanBeRangedOverAgain(t *testing.T) {
	t.Parallel()
	g, client := serve(t, rpc{messages: messages{event("c1", 1)}}, rpc{messages: messages{event("c1", 1)}})
	request := &callstreamv1.WatchEventsRequest{}
	watch := client.Watch(t.Context(), request, soon)
	for range 2 {
		items, err := collect(watch)
		if err != nil {
			t.Error(err)
		}
		equal(t, "items", items, []string{"events c1 [1]"})
	}
	equal(t, "requests", asked(g.seen()), []string{"now", "now"})
	equal(t, "the caller's request", asked([]*callstreamv1.WatchEventsRequest{request}), []string{"now"})
}

// A connection that its owner closes does not come back: waiting for it would be for ever.
func TestWatchEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	_, client := serve(t, rpc{messages: messages{event("c1", 1)}, hang: true})
	ended := error(nil)
	for _, err := range client.Watch(t.Context(), fromOldest, soon) {
		if ended = err; err == nil {
			_ = client.Close()
		}
	}
	if status.Code(ended) != codes.Canceled {
		t.Errorf("ended with %v", ended)
	}
}

// A gateway that falls silent is left after three bookmark intervals of its own, and asked again.
func TestWatchLeavesASilentConnection(t *testing.T) {
	t.Parallel()
	inBubble(t, []rpc{
		{messages: messages{opened("c0"), event("c1", 1)}, hang: true},
		{messages: messages{event("c2", 2)}},
	}, func(t *testing.T, g *gateway, client *callstream.Client) {
		items, err := collect(client.Watch(t.Context(), fromOldest, soon))
		if err != nil {
			t.Error(err)
		}
		equal(t, "items", items, []string{"events c1 [1]", "events c2 [2]"})
		equal(t, "requests", asked(g.seen()), []string{"oldest", "after c1"})
		between(t, g.times[1].Sub(g.times[0]), 3*time.Minute, 3*time.Minute+time.Millisecond)
	})
}

// A gateway that never says `opened` is left after three of the longest intervals that it would choose by itself.
func TestWatchLeavesAGatewayThatNeverOpens(t *testing.T) {
	t.Parallel()
	inBubble(t, []rpc{{hang: true}, {}}, func(t *testing.T, g *gateway, client *callstream.Client) {
		if _, err := collect(client.Watch(t.Context(), fromOldest, soon)); err != nil {
			t.Error(err)
		}
		between(t, g.times[1].Sub(g.times[0]), 45*time.Second, 45*time.Second+time.Millisecond)
	})
}

// A connection that is dead without a word is left for a new one, which all watches share. When that dies, too, the watch
// that notices takes the others along.
func TestWatchesLeaveADeadConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listener := bufconn.Listen(1 << 16)
		conns := make(chan *mortalConn, 10)
		dial := func(ctx context.Context, _ string) (net.Conn, error) {
			conn, err := listener.DialContext(ctx)
			mortal := &mortalConn{Conn: conn}
			conns <- mortal
			return mortal, err
		}
		client := connect(t, "passthrough:bubble", grpc.WithContextDialer(dial))
		beating := rpc{messages: messages{{Kind: &callstreamv1.WatchEventsResponse_Opened{
			Opened: &callstreamv1.WatchOpened{BookmarkInterval: durationpb.New(time.Second)},
		}}}, beat: true}
		complete := rpc{messages: messages{event("c1", 1)}}
		script := append(slices.Repeat([]rpc{beating}, 6), complete, complete, complete)
		g := start(t, listener, script)
		g.crowded = true

		ended := make(chan error)
		for _, intervals := range []int{3, 3, 1000} {
			go func() {
				_, err := collect(client.Watch(t.Context(), fromOldest, soon, callstream.WithDeadAfter(intervals)))
				ended <- err
			}()
		}
		time.Sleep(10 * time.Second)
		(<-conns).dead.Store(true)
		time.Sleep(time.Minute) // two watches leave after 3 s, the patient one by gRPC's pings
		equal(t, "later requests", asked(g.seen()[3:]), []string{"after c0", "after c0", "after c0"})
		between(t, g.times[4].Sub(g.times[0]), 12*time.Second, 14*time.Second)
		between(t, g.times[5].Sub(g.times[0]), 20*time.Second, 51*time.Second)
		(<-conns).dead.Store(true)
		for range 3 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		between(t, g.times[8].Sub(g.times[0]), 72*time.Second, 74*time.Second)
		if len(conns) != 1 {
			t.Errorf("%d connections were made, not 3", len(conns)+2)
		}
	})
}

// The time that the user takes over an item does not count as silence.
func TestWatchWaitsForASlowLoop(t *testing.T) {
	t.Parallel()
	inBubble(t, []rpc{{messages: messages{opened("c0"), event("c1", 1), event("c2", 2)}}},
		func(t *testing.T, g *gateway, client *callstream.Client) {
			for _, err := range client.Watch(t.Context(), fromOldest, soon) {
				if err != nil {
					t.Error(err)
				}
				time.Sleep(time.Hour) // of the bubble's time: it takes none
			}
			equal(t, "requests", asked(g.seen()), []string{"oldest"})
		})
}

// Nobody is asked again sooner than wished: by closing, or by the status.
func TestWatchHonoursTheWaitThatTheGatewayAsksFor(t *testing.T) {
	t.Parallel()
	asking := status.New(codes.Unavailable, "draining")
	asking, err := asking.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(2 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, []rpc{
		{messages: messages{opened("c0"), closing("c1", time.Hour)}, end: unavailable},
		{end: asking.Err()},
		{messages: messages{event("c2", 2)}},
	}, func(t *testing.T, g *gateway, client *callstream.Client) {
		if _, err := collect(client.Watch(t.Context(), fromOldest)); err != nil {
			t.Error(err)
		}
		between(t, g.times[1].Sub(g.times[0]), time.Hour, time.Hour+100*time.Millisecond)
		between(t, g.times[2].Sub(g.times[1]), 2*time.Hour, 2*time.Hour+200*time.Millisecond)
	})
}

// Waits are random below a bound that doubles up to the limit, and is the first one again once something was heard.
func TestWatchBacksOff(t *testing.T) {
	t.Parallel()
	script := slices.Repeat([]rpc{{messages: messages{opened("c0")}, end: unavailable}}, 10)
	script = append(script, rpc{messages: messages{opened("c0"), bookmark("c1")}, end: unavailable}, rpc{})
	inBubble(t, script, func(t *testing.T, g *gateway, client *callstream.Client) {
		waits := []time.Duration{}
		hook := callstream.WithRetryHook(func(err error, wait time.Duration) {
			if status.Code(err) != codes.Unavailable {
				t.Error(err)
			}
			waits = append(waits, wait)
		})
		if _, err := collect(client.Watch(t.Context(), fromOldest, hook)); err != nil {
			t.Error(err)
		}
		bounds := []int{100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000, 100}
		if len(waits) != len(bounds) {
			t.Fatalf("%d waits", len(waits))
		}
		for i, bound := range bounds {
			between(t, waits[i], 0, time.Duration(bound)*time.Millisecond)
			if passed := g.times[i+1].Sub(g.times[i]); passed != waits[i] {
				t.Errorf("said it waits %v, took %v", waits[i], passed)
			}
		}
		if waits[0] == waits[10] {
			t.Error("the waits are not random")
		}
	})
}

// inBubble runs a test where time passes as soon as everybody waits. Sockets don't know of such time: the connection is
// in memory.
func inBubble(t *testing.T, script []rpc, test func(*testing.T, *gateway, *callstream.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		listener := bufconn.Listen(1 << 16)
		dial := func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
		client := connect(t, "passthrough:bubble", grpc.WithContextDialer(dial))
		test(t, start(t, listener, script), client)
	})
}

func between(t *testing.T, got, low, high time.Duration) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%v is not between %v and %v", got, low, high)
	}
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// collect returns what a watch yields, in words, and its error.
func collect(watch iter.Seq2[callstream.Item, error]) (items []string, err error) {
	for item, err := range watch {
		if err != nil {
			return items, err
		}
		text := "bookmark " + item.Cursor
		if item.Snapshot != nil {
			text = "snapshot " + item.Cursor
			if item.Reset {
				text += " reset"
			}
			if item.Snapshot.GetLast() {
				text += " last"
			}
		} else if item.Events != nil {
			sequences := []uint64{}
			for _, event := range item.Events {
				sequences = append(sequences, event.GetSequence())
			}
			text = fmt.Sprintf("events %s %d", item.Cursor, sequences)
		}
		items = append(items, text)
	}
	return items, nil
}

// asked puts where requests begin in words.
func asked(requests []*callstreamv1.WatchEventsRequest) (starts []string) {
	for _, request := range requests {
		text := "now"
		switch start := request.GetStart().(type) {
		case *callstreamv1.WatchEventsRequest_AfterCursor:
			text = "after " + start.AfterCursor
		case *callstreamv1.WatchEventsRequest_FromOldest:
			text = "oldest"
		}
		if request.GetIncludeSnapshot() {
			text = "snapshot"
			if request.GetStart() != nil {
				text = "snapshot with a start"
			}
		}
		starts = append(starts, text)
	}
	return starts
}
