// Command example waits for an inbound call, answers it, streams what the caller says to a WebSocket endpoint, and
// follows the call to its end.
//
//	go run ./example wss://example.com/audio-stream
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/callstream/callstream/clients/go/callstream"
	callstreamv1 "github.com/callstream/callstream/clients/go/callstream/v1"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: example wss://…")
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url string) error {
	// A gateway on this machine, without TLS. Leave the credentials out for any other.
	target := cmp.Or(os.Getenv("CALLSTREAM_TARGET"), "127.0.0.1:50051")
	client, err := callstream.Connect(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer client.Close()
	calls, streams := callstreamv1.NewCallServiceClient(client), callstreamv1.NewStreamServiceClient(client)

	callID, err := inboundCall(ctx, client)
	if err != nil {
		return err
	}
	if _, err := calls.AnswerCall(ctx, &callstreamv1.AnswerCallRequest{CallId: callID}); err != nil {
		return err
	}
	parameters, err := structpb.NewStruct(map[string]any{"session_id": "abc123"})
	if err != nil {
		return err
	}
	if _, err := streams.StartStream(ctx, &callstreamv1.StartStreamRequest{
		CallId:           callID,
		ControlId:        "transcription", // makes a retry harmless
		Url:              url,
		Track:            callstreamv1.Track_TRACK_INBOUND,
		Codec:            "PCMU",
		CustomParameters: parameters,
	}); err != nil {
		return err
	}

	history := &callstreamv1.WatchEventsRequest{
		Filter: &callstreamv1.EventFilter{CallIds: []string{callID}},
		Start:  &callstreamv1.WatchEventsRequest_FromOldest{FromOldest: true},
		Until:  callstreamv1.WatchUntil_WATCH_UNTIL_CALL_ENDED,
	}
	for item, err := range client.Watch(ctx, history) {
		if err != nil {
			return err
		}
		for _, event := range item.Events {
			fmt.Println(event.GetSequence(), event.GetType())
		}
	}
	return nil
}

func inboundCall(ctx context.Context, client *callstream.Client) (string, error) {
	received := []callstreamv1.EventType{callstreamv1.EventType_EVENT_TYPE_CALL_RECEIVED}
	request := &callstreamv1.WatchEventsRequest{Filter: &callstreamv1.EventFilter{Types: received}}
	for item, err := range client.Watch(ctx, request) {
		if err != nil {
			return "", err
		}
		for _, event := range item.Events {
			return event.GetCallId(), nil
		}
	}
	return "", errors.New("the watch ended")
}
