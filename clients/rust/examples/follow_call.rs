//! Waits for an inbound call, answers it, streams what the caller says to a WebSocket endpoint, and follows the call to
//! its end.
//!
//! ```sh
//! cargo run --example follow_call -- wss://example.com/audio-stream
//! ```

use std::error::Error;

use callstream::prost_types::Struct;
use callstream::v1::watch_events_request::Start;
use callstream::v1::{
    AnswerCallRequest, EventFilter, EventType, StartStreamRequest, Track, WatchEventsRequest, WatchUntil,
};
use callstream::{Client, WatchItem};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: follow_call wss://…")?;
    let target = std::env::var("CALLSTREAM_TARGET").unwrap_or("http://127.0.0.1:50051".into());
    let client = Client::new(target)?;

    let call_id = inbound_call(&client).await?;
    client.calls().answer_call(AnswerCallRequest { call_id: call_id.clone(), ..Default::default() }).await?;
    client
        .streams()
        .start_stream(StartStreamRequest {
            call_id: call_id.clone(),
            control_id: "transcription".into(), // makes a retry harmless
            url,
            track: Track::Inbound.into(),
            codec: "PCMU".into(),
            custom_parameters: Some(Struct { fields: [("session_id".into(), "abc123".into())].into() }),
            ..Default::default()
        })
        .await?;

    let mut watch = client.watch(WatchEventsRequest {
        filter: Some(EventFilter { call_ids: vec![call_id], ..Default::default() }),
        start: Some(Start::FromOldest(true)),
        until: WatchUntil::CallEnded.into(),
        ..Default::default()
    });
    while let Some(item) = watch.next().await {
        if let WatchItem::Events { events, .. } = item? {
            for event in events {
                println!("{} {}", event.sequence, event.r#type().as_str_name());
            }
        }
    }
    Ok(())
}

async fn inbound_call(client: &Client) -> Result<String, Box<dyn Error>> {
    let filter = EventFilter { types: vec![EventType::CallReceived.into()], ..Default::default() };
    let mut watch = client.watch(WatchEventsRequest { filter: Some(filter), ..Default::default() });
    while let Some(item) = watch.next().await {
        if let WatchItem::Events { events, .. } = item? {
            return Ok(events[0].call_id.clone());
        }
    }
    Err("the watch ended".into())
}
