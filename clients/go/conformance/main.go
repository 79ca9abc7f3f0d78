// Command conformance drives the Go client for the conformance tests: it reads commands as JSON lines, and writes what
// came of them as JSON lines.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // the types of details
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/callstream/callstream/clients/go/callstream"
	callstreamv1 "github.com/callstream/callstream/clients/go/callstream/v1"
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	transport := insecure.NewCredentials()
	if file := os.Getenv("CALLSTREAM_CA_FILE"); file != "" {
		var err error
		if transport, err = credentials.NewClientTLSFromFile(file, ""); err != nil {
			return err
		}
	}
	client, err := callstream.Connect(os.Getenv("CALLSTREAM_TARGET"),
		grpc.WithTransportCredentials(transport), callstream.WithToken(os.Getenv("CALLSTREAM_TOKEN")))
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	d := &driver{
		client:  client,
		out:     json.NewEncoder(os.Stdout),
		cancels: map[int64]context.CancelFunc{},
	}
	return d.serve(os.Stdin)
}

// A command is one line of the input.
type command struct {
	ID        int64           `json:"id"`
	Op        string          `json:"op"`
	Method    string          `json:"method"`
	Request   json.RawMessage `json:"request"`
	TimeoutMS *int64          `json:"timeout_ms"`
	Resume    bool            `json:"resume"`
	Target    int64           `json:"target"`
	Options   struct {
		DeadAfterIntervals int   `json:"dead_after_intervals"`
		BackoffInitialMS   int64 `json:"backoff_initial_ms"`
		BackoffMaxMS       int64 `json:"backoff_max_ms"`
	} `json:"options"`
}

// A line is one line of the output: an RPC's message, a watch's item, or the end with a code.
type line struct {
	ID       int64           `json:"id"`
	Response json.RawMessage `json:"response,omitempty"`
	Message  any             `json:"message,omitempty"` // of a plain watch, or of a status
	Item     *item           `json:"item,omitempty"`
	Code     string          `json:"code,omitempty"`
	Details  []detail        `json:"details,omitempty"`
	Done     bool            `json:"done,omitempty"`
}

type detail struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

type item struct {
	Kind    string            `json:"kind"`
	Cursor  string            `json:"cursor"`
	Events  []json.RawMessage `json:"events,omitempty"`
	Streams []json.RawMessage `json:"streams,omitempty"`
	Calls   []json.RawMessage `json:"calls,omitempty"`
	Last    bool              `json:"last,omitempty"`
	Reset   bool              `json:"reset,omitempty"`
}

type driver struct {
	client *callstream.Client

	writing sync.Mutex
	out     *json.Encoder

	running sync.WaitGroup
	mu      sync.Mutex
	cancels map[int64]context.CancelFunc // of what is under way
}

// serve executes commands until one says exit, or the input ends. Nothing is under way when it returns.
func (d *driver) serve(in io.Reader) error {
	ctx, cancel := context.WithCancel(context.Background())
	stop := func() {
		cancel()
		d.running.Wait()
	}
	defer stop()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		c := command{Request: json.RawMessage("{}")}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			d.write(line{ID: c.ID, Code: "INVALID_COMMAND", Message: err.Error()})
			continue
		}
		switch c.Op {
		case "unary":
			d.begin(ctx, c, d.unary)
		case "watch":
			d.begin(ctx, c, d.watch)
		case "cancel":
			d.mu.Lock()
			if cancel := d.cancels[c.Target]; cancel != nil {
				cancel()
			}
			d.mu.Unlock()
			d.write(line{ID: c.ID, Code: "OK"})
		case "exit":
			stop()
			d.write(line{ID: c.ID, Code: "OK"})
			return nil
		default:
			d.write(line{ID: c.ID, Code: "INVALID_COMMAND", Message: "unknown op"})
		}
	}
	return lines.Err()
}

// begin executes a command beside the others; its last line is written when it can no longer be cancelled.
func (d *driver) begin(ctx context.Context, c command, execute func(context.Context, command) line) {
	ctx, cancel := context.WithCancel(ctx)
	d.mu.Lock()
	d.cancels[c.ID] = cancel
	d.mu.Unlock()
	d.running.Go(func() {
		defer cancel()
		if c.TimeoutMS != nil {
			var expire context.CancelFunc
			ctx, expire = context.WithTimeout(ctx, time.Duration(*c.TimeoutMS)*time.Millisecond)
			defer expire()
		}
		last := execute(ctx, c)
		d.mu.Lock()
		delete(d.cancels, c.ID)
		d.mu.Unlock()
		d.write(last)
	})
}

func (d *driver) unary(ctx context.Context, c command) line {
	request, response, err := messages(c.Method)
	if err == nil {
		err = protojson.Unmarshal(c.Request, request)
	}
	if err != nil {
		return line{ID: c.ID, Code: "INVALID_COMMAND", Message: err.Error()}
	}
	last := ended(c.ID, d.client.Invoke(ctx, "/"+c.Method, request, response))
	if last.Code == "OK" {
		last.Response = encode(response)
	}
	return last
}

func (d *driver) watch(ctx context.Context, c command) line {
	request := &callstreamv1.WatchEventsRequest{}
	if err := protojson.Unmarshal(c.Request, request); err != nil {
		return line{ID: c.ID, Code: "INVALID_COMMAND", Message: err.Error(), Done: true}
	}
	follow := d.plain
	if c.Resume {
		follow = d.resuming
	}
	last := ended(c.ID, follow(ctx, c, request))
	last.Done = true
	return last
}

func (d *driver) plain(ctx context.Context, c command, request *callstreamv1.WatchEventsRequest) error {
	stream, err := callstreamv1.NewStreamServiceClient(d.client).WatchEvents(ctx, request)
	for err == nil {
		var response *callstreamv1.WatchEventsResponse
		if response, err = stream.Recv(); err == nil {
			d.write(line{ID: c.ID, Message: encode(response)})
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (d *driver) resuming(ctx context.Context, c command, request *callstreamv1.WatchEventsRequest) error {
	initial, limit := cmp.Or(c.Options.BackoffInitialMS, 100), cmp.Or(c.Options.BackoffMaxMS, 10_000)
	watch := d.client.Watch(ctx, request,
		callstream.WithDeadAfter(cmp.Or(c.Options.DeadAfterIntervals, 3)),
		callstream.WithBackoff(time.Duration(initial)*time.Millisecond, time.Duration(limit)*time.Millisecond),
		callstream.WithRetryHook(func(err error, wait time.Duration) {
			log.Printf("watch %d: again in %v: %v", c.ID, wait, err)
		}),
	)
	reset := false // tells of all parts of a snapshot what Item.Reset tells of it on the first
	for got, err := range watch {
		if err != nil {
			return err
		}
		now := item{Kind: "bookmark", Cursor: got.Cursor}
		switch {
		case got.Snapshot != nil:
			reset = reset || got.Reset
			now.Kind, now.Last, now.Reset = "snapshot", got.Snapshot.GetLast(), reset
			reset = reset && !now.Last
			now.Streams, now.Calls = encodeAll(got.Snapshot.GetStreams()), encodeAll(got.Snapshot.GetCalls())
		case got.Events != nil:
			now.Kind, now.Events = "events", encodeAll(got.Events)
		}
		d.write(line{ID: c.ID, Item: &now})
	}
	return nil
}

func (d *driver) write(l line) {
	d.writing.Lock()
	defer d.writing.Unlock()
	if err := d.out.Encode(l); err != nil {
		log.Fatal(err)
	}
}

// messages makes an empty request and an empty response of a method ("package.Service/Method").
func messages(method string) (request, response proto.Message, err error) {
	name := protoreflect.FullName(strings.ReplaceAll(method, "/", "."))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, nil, err
	}
	descriptor, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, nil, fmt.Errorf("%q is no method", method)
	}
	in, err := protoregistry.GlobalTypes.FindMessageByName(descriptor.Input().FullName())
	if err != nil {
		return nil, nil, err
	}
	out, err := protoregistry.GlobalTypes.FindMessageByName(descriptor.Output().FullName())
	if err != nil {
		return nil, nil, err
	}
	return in.New().Interface(), out.New().Interface(), nil
}

// ended says how an RPC ended.
func ended(id int64, err error) line {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = status.FromContextError(err).Err()
	}
	rich := status.Convert(err).Proto()
	l := line{ID: id, Code: code.Code_name[rich.GetCode()]}
	if rich.GetCode() != 0 {
		l.Message = rich.GetMessage()
	}
	for _, packed := range rich.GetDetails() {
		d := detail{Type: string(packed.MessageName()), Value: json.RawMessage("{}")}
		if message, err := packed.UnmarshalNew(); err == nil {
			d.Value = encode(message)
		}
		l.Details = append(l.Details, d)
	}
	return l
}

func encode(message proto.Message) json.RawMessage {
	text, err := protojson.Marshal(message)
	if err != nil {
		log.Fatal(err) // only text that is not UTF-8, which gRPC would not have let pass
	}
	return text
}

func encodeAll[M proto.Message](all []M) []json.RawMessage {
	texts := make([]json.RawMessage, len(all))
	for i, message := range all {
		texts[i] = encode(message)
	}
	return texts
}
