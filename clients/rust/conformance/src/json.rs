//! Messages in the proto3 JSON mapping, by the descriptors of the contract.

use std::error::Error;
use std::sync::LazyLock;

use callstream::prost_types::Any;
use callstream::tonic_types::pb;
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

static CONTRACT: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let mut pool = DescriptorPool::decode(include_bytes!("contract.binpb").as_slice()).expect("generate.sh wrote it");
    pool.decode_file_descriptor_set(pb::FILE_DESCRIPTOR_SET).expect("it is Tonic's");
    pool
});

/// A message from its JSON; nothing at all is an empty one.
pub(crate) fn decode<M: Message + Default>(name: &str, json: &Value) -> Result<M> {
    let descriptor = descriptor(name)?;
    let message = match json {
        Value::Null => DynamicMessage::new(descriptor),
        json => DynamicMessage::deserialize(descriptor, json)?,
    };
    Ok(message.transcode_to()?)
}

/// The JSON of a message.
pub(crate) fn encode<M: Message>(name: &str, message: &M) -> Result<Value> {
    let mut dynamic = DynamicMessage::new(descriptor(name)?);
    dynamic.transcode_from(message)?;
    Ok(serde_json::to_value(dynamic)?)
}

pub(crate) fn encode_all<M: Message>(name: &str, messages: &[M]) -> Result<Vec<Value>> {
    messages.iter().map(|message| encode(name, message)).collect()
}

/// What a status carries in `grpc-status-details-bin`.
pub(crate) fn details(encoded: &[u8]) -> Vec<Value> {
    let status = pb::Status::decode(encoded).unwrap_or_default();
    let shown = |packed: Any| {
        let name = packed.type_url.rsplit('/').next().unwrap_or_default();
        let value = descriptor(name).and_then(|descriptor| {
            Ok(serde_json::to_value(DynamicMessage::decode(descriptor, packed.value.as_slice())?)?)
        });
        json!({"type": name, "value": value.unwrap_or(json!({}))})
    };
    status.details.into_iter().map(shown).collect()
}

fn descriptor(name: &str) -> Result<MessageDescriptor> {
    CONTRACT.get_message_by_name(name).ok_or_else(|| format!("{name} is not in the contract").into())
}
