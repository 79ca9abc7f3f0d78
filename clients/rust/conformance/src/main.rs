//! Drives the client for the conformance tests: reads commands as JSON lines, and writes what came of them as JSON lines.

mod json;

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callstream::tonic::{Code, Request, Status};
use callstream::v1::{WatchEventsRequest, WatchEventsResponse};
use callstream::{Client, WatchItem, WatchOptions};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

type Cancels = Arc<Mutex<HashMap<i64, oneshot::Sender<()>>>>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = connect()?;
    let (commands, mut read) = mpsc::channel(64);
    // A thread of its own, which ends with the process: nothing can interrupt reading standard input.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if commands.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let cancels = Cancels::default();
    let mut under_way = JoinSet::new();
    let mut exit = None;
    while let Some(line) = read.recv().await {
        let command: Value = serde_json::from_str(&line).unwrap_or_default();
        let id = command["id"].as_i64().unwrap_or_default();
        match command["op"].as_str() {
            Some("unary" | "watch") => {
                let (cancel, cancelled) = oneshot::channel();
                lock(&cancels).insert(id, cancel);
                let (client, cancels) = (client.clone(), cancels.clone());
                under_way.spawn(async move {
                    let last = tokio::select! {
                        last = execute(id, &client, &command) => last,
                        _ = cancelled => ended(&Status::cancelled("by the user")), // the RPC is dropped
                    };
                    lock(&cancels).remove(&id); // from here on it can't be cancelled
                    write(id, &command, last);
                });
            }
            Some("cancel") => {
                let target = command["target"].as_i64().unwrap_or_default();
                if let Some(cancel) = lock(&cancels).remove(&target) {
                    let _ = cancel.send(()); // or it has just ended
                }
                say(id, json!({"code": "OK"}));
            }
            Some("exit") => {
                exit = Some(id);
                break;
            }
            _ => say(id, json!({"code": "INVALID_COMMAND"})),
        }
        while under_way.try_join_next().transpose()?.is_some() {}
    }
    lock(&cancels).clear(); // cancels everything
    while under_way.join_next().await.transpose()?.is_some() {}
    if let Some(id) = exit {
        say(id, json!({"code": "OK"}));
    }
    Ok(())
}

fn connect() -> Result<Client, Box<dyn Error>> {
    let given = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let target = given("CALLSTREAM_TARGET").ok_or("CALLSTREAM_TARGET is not set")?;
    let mut client = match given("CALLSTREAM_CA_FILE") {
        Some(file) => Client::builder(format!("https://{target}")).ca_certificate(std::fs::read(file)?),
        None => Client::builder(format!("http://{target}")),
    };
    if let Some(token) = given("CALLSTREAM_TOKEN") {
        client = client.token(token);
    }
    Ok(client.build()?)
}

/// Executes a command, and returns its last line.
async fn execute(id: i64, client: &Client, command: &Value) -> Value {
    let result = match (command["op"].as_str(), command["resume"].as_bool()) {
        (Some("unary"), _) => unary(client, command).await,
        (_, Some(true)) => resuming(id, client, command).await,
        _ => plain(id, client, command).await,
    };
    result.unwrap_or_else(|failure| match failure.downcast::<Status>() {
        Ok(status) => ended(&status),
        Err(error) => json!({"code": "INVALID_COMMAND", "message": error.to_string()}),
    })
}

/// Calls the method of the generated stub that a command names.
macro_rules! dispatch {
    ($command:expr, { $($service:literal: $stub:expr => { $($method:literal: $call:ident),* $(,)? }),* $(,)? }) => {
        match $command["method"].as_str().unwrap_or_default() {
            $($(concat!("callstream.v1.", $service, "/", $method) => {
                let mut request = Request::new(json::decode(concat!("callstream.v1.", $method, "Request"), &$command["request"])?);
                if let Some(timeout) = $command["timeout_ms"].as_u64() {
                    request.set_timeout(Duration::from_millis(timeout));
                }
                let response = $stub.$call(request).await?.into_inner();
                json::encode(concat!("callstream.v1.", $method, "Response"), &response)?
            })*)*
            method => return Err(format!("{method:?} is no method").into()),
        }
    };
}

async fn unary(client: &Client, command: &Value) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let response = dispatch!(command, {
        "StreamService": client.streams() => {
            "StartStream": start_stream,
            "StopStream": stop_stream,
            "StopCallStreams": stop_call_streams,
            "GetStream": get_stream,
            "ListStreams": list_streams,
            "WaitStream": wait_stream,
            "ListEvents": list_events,
        },
        "CallService": client.calls() => {
            "Dial": dial,
            "AnswerCall": answer_call,
            "EndCall": end_call,
            "PassCall": pass_call,
            "GetCall": get_call,
            "ListCalls": list_calls,
        },
        "GatewayService": client.gateway() => {
            "GetGatewayInfo": get_gateway_info,
            "UpdateContexts": update_contexts,
        },
    });
    Ok(json!({"code": "OK", "response": response}))
}

async fn plain(id: i64, client: &Client, command: &Value) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let request: WatchEventsRequest = json::decode("callstream.v1.WatchEventsRequest", &command["request"])?;
    let mut responses = client.streams().watch_events(request).await?.into_inner();
    while let Some(response) = responses.message().await? {
        let response: WatchEventsResponse = response;
        say(id, json!({"message": json::encode("callstream.v1.WatchEventsResponse", &response)?}));
    }
    Ok(json!({"code": "OK"}))
}

async fn resuming(id: i64, client: &Client, command: &Value) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let request = json::decode("callstream.v1.WatchEventsRequest", &command["request"])?;
    let given = &command["options"];
    let mut options = WatchOptions::default();
    if let Some(initial) = given["backoff_initial_ms"].as_u64() {
        options.backoff_initial = Duration::from_millis(initial);
    }
    if let Some(max) = given["backoff_max_ms"].as_u64() {
        options.backoff_max = Duration::from_millis(max);
    }
    if let Some(intervals) = given["dead_after_intervals"].as_u64() {
        options.dead_after_intervals = intervals.try_into()?;
    }
    let mut watch = client.watch_with(request, options);
    while let Some(item) = watch.next().await {
        let item = match item? {
            WatchItem::Events { cursor, events } => {
                json!({"kind": "events", "cursor": cursor, "events": json::encode_all("callstream.v1.Event", &events)?})
            }
            WatchItem::Snapshot { cursor, streams, calls, last, reset, .. } => json!({
                "kind": "snapshot", "cursor": cursor, "last": last, "reset": reset,
                "streams": json::encode_all("callstream.v1.Stream", &streams)?,
                "calls": json::encode_all("callstream.v1.Call", &calls)?,
            }),
            WatchItem::Bookmark { cursor } => json!({"kind": "bookmark", "cursor": cursor}),
        };
        say(id, json!({"item": item}));
    }
    Ok(json!({"code": "OK"}))
}

/// How an RPC ended.
fn ended(status: &Status) -> Value {
    json!({"code": name(status.code()), "message": status.message(), "details": json::details(status.details())})
}

fn write(id: i64, command: &Value, mut last: Value) {
    if command["op"] == "watch" {
        last["done"] = true.into();
    }
    say(id, last);
}

/// Writes a line.
fn say(id: i64, mut line: Value) {
    line["id"] = id.into();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody reads standard output");
}

fn lock(cancels: &Cancels) -> std::sync::MutexGuard<'_, HashMap<i64, oneshot::Sender<()>>> {
    cancels.lock().expect("nothing panics with the lock")
}

/// A code's name in gRPC; Tonic's are spelled differently.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
