package callstream

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	callstreamv1 "github.com/callstream/callstream/clients/go/callstream/v1"
)

// An Item is one step of a watch: events, a part of a snapshot, or, with neither, a bookmark, which tells that nothing
// else matched up to the cursor.
type Item struct {
	// Cursor is where the watch is after this item. A later watch can start after it, unless the item is a part of a
	// snapshot that is not the last.
	Cursor string
	// Events are matching events, in order.
	Events []*callstreamv1.Event
	// Snapshot is a part of the state at the cursor.
	Snapshot *callstreamv1.WatchSnapshot
	// Reset is set on the first part of a snapshot that the watch had to begin with anew, because events before it may be
	// missing or a snapshot broke off: forget what earlier items told, then take this part.
	Reset bool
}

// A WatchOption changes how Watch deals with interruptions.
type WatchOption func(*watch)

// WithBackoff sets the bounds of the random wait before a watch is opened again: at most initial after the first
// failure, twice as long after each further one, never more than limit. Both must be positive. The default is 100 ms and
// 10 s. A wait that the gateway asks for comes on top.
func WithBackoff(initial, limit time.Duration) WatchOption {
	return func(w *watch) { w.initial, w.limit = initial, limit }
}

// WithDeadAfter sets how many bookmark intervals, at least one, may pass without any message before the connection counts
// as dead. The default is 3.
func WithDeadAfter(intervals int) WatchOption {
	return func(w *watch) { w.intervals = time.Duration(intervals) }
}

// WithRetryHook has hook called before each wait, with what interrupted the watch: for logs and metrics.
func WithRetryHook(hook func(err error, wait time.Duration)) WatchOption {
	return func(w *watch) { w.hook = hook }
}

// Watch yields what WatchEvents sends, in order and without a hole, and opens the watch again at its last cursor when
// the connection breaks, falls silent, or the gateway is UNAVAILABLE. If the gateway no longer has what follows that
// cursor (OUT_OF_RANGE), it goes on with a snapshot, marked by Item.Reset.
//
// The sequence ends without an error when the request's until is reached. Otherwise its last pair holds the error:
// ctx.Err() when the context is done, else the gRPC status that can't be mended by trying again. Each range over the
// sequence is a watch of its own, with one RPC open at a time; leaving the loop ends it.
func (c *Client) Watch(
	ctx context.Context, request *callstreamv1.WatchEventsRequest, opts ...WatchOption,
) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		w := watch{
			client: c, position: position{next: proto.CloneOf(request)}, yield: yield,
			initial: 100 * time.Millisecond, limit: 10 * time.Second, intervals: 3, hook: func(error, time.Duration) {},
		}
		for _, option := range opts {
			option(&w)
		}
		w.run(ctx)
	}
}

// errLeft ends a watch whose loop was left, errSilent one RPC of it.
var (
	errLeft   = errors.New("callstream: the loop over the watch was left")
	errSilent = errors.New("callstream: the watch missed its bookmarks")
)

type watch struct {
	client         *Client
	position       position
	yield          func(Item, error) bool
	initial, limit time.Duration
	intervals      time.Duration // a number of them, of a type to multiply with
	hook           func(error, time.Duration)

	bound time.Duration // of the next random wait
	asked time.Duration // the wait that the gateway asked for
}

func (w *watch) run(ctx context.Context) {
	w.bound = w.initial
	for {
		w.asked = 0
		err := w.follow(ctx)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errLeft):
			return
		case ctx.Err() != nil:
			w.yield(Item{}, ctx.Err())
			return
		case status.Code(err) == codes.OutOfRange:
			w.position.restart()
		case !broken(err):
			w.yield(Item{}, err)
			return
		}
		wait := max(w.asked, retryDelay(err)) + rand.N(w.bound)
		w.bound = min(2*w.bound, w.limit)
		w.hook(err, wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// follow opens the watch once and hands over what comes, until it ends. It returns io.EOF when the watch is complete.
func (w *watch) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)            // also ends the RPC when the loop was left
	interval := 15 * time.Second // until the gateway says what it is
	watchdog := time.AfterFunc(w.intervals*interval, func() { cancel(errSilent) })
	defer watchdog.Stop()
	conn := w.client.watchable()
	stream, err := callstreamv1.NewStreamServiceClient(conn).WatchEvents(ctx, w.position.opening())
	if err != nil {
		return w.interruption(ctx, conn, err)
	}
	for {
		response, err := stream.Recv()
		watchdog.Stop() // a slow loop is no silence
		if err != nil {
			return w.interruption(ctx, conn, err)
		}
		if opened := response.GetOpened(); opened != nil {
			interval = cmp.Or(opened.GetBookmarkInterval().AsDuration(), interval)
		} else {
			w.bound = w.initial
		}
		w.asked = response.GetClosing().GetRetryAfter().AsDuration()
		if item, ok := w.position.advance(response); ok && !w.yield(item, nil) {
			return errLeft
		}
		watchdog.Reset(w.intervals * interval)
	}
}

// interruption tells what an error of gRPC means, and leaves a silent connection.
func (w *watch) interruption(ctx context.Context, conn *grpc.ClientConn, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), errSilent):
		return cmp.Or(w.client.leave(conn), errSilent)
	case status.Code(err) == codes.Canceled && ctx.Err() == nil && w.client.isOpen():
		return status.Error(codes.Unavailable, err.Error()) // not by the user: by a server, a proxy, or another watch
	default:
		return err
	}
}

// position knows where a watch is, and so how to open it again.
type position struct {
	next  *callstreamv1.WatchEventsRequest // asks for a snapshot until one is complete
	parts bool                             // some of that snapshot was handed over
	reset bool                             // it replaces what was handed over
}

// opening returns the request to open the watch with, now.
func (p *position) opening() *callstreamv1.WatchEventsRequest {
	p.reset, p.parts = p.reset || p.parts, false
	return proto.CloneOf(p.next)
}

// restart gives the history up: the watch begins with the state as it is.
func (p *position) restart() {
	p.next.Start, p.next.IncludeSnapshot, p.reset = nil, true, true
}

// advance takes a message in, and returns what to hand over of it, if anything.
func (p *position) advance(response *callstreamv1.WatchEventsResponse) (item Item, ok bool) {
	item.Cursor = response.GetCursor()
	counts := !p.next.GetIncludeSnapshot() // inside a snapshot a cursor would skip the rest of it
	switch kind := response.GetKind().(type) {
	case *callstreamv1.WatchEventsResponse_Snapshot:
		item.Snapshot, ok = kind.Snapshot, true
		item.Reset, p.reset = p.reset, false
		counts = kind.Snapshot.GetLast()
		p.parts = !counts
	case *callstreamv1.WatchEventsResponse_Events:
		item.Events, ok, counts = kind.Events.GetEvents(), true, true
	case *callstreamv1.WatchEventsResponse_Bookmark:
		ok, counts = true, true
	}
	if counts && item.Cursor != "" {
		p.next.Start = &callstreamv1.WatchEventsRequest_AfterCursor{AfterCursor: item.Cursor}
		p.next.IncludeSnapshot = false
	}
	return item, ok
}

// broken tells whether an error is one that opening the watch again can mend.
func broken(err error) bool {
	if errors.Is(err, errSilent) || status.Code(err) == codes.Unavailable {
		return true
	}
	// A proxy that loses its upstream resets the stream, which grpc-go reports like this. The gateway never does.
	return status.Code(err) == codes.Internal && strings.Contains(err.Error(), "RST_STREAM")
}

// retryDelay returns the wait that a status asks for, or 0.
func retryDelay(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}
