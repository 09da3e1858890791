//! A stream record: how it is stored, what of it a view type shows, and its two spellings on the wire.

use super::position::{Position, SequenceNumber};
use super::size::item_bytes;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What records show of the items before and after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewType {
    KeysOnly,
    NewImage,
    OldImage,
    NewAndOldImages,
}

impl ViewType {
    /// In the order AWS lists them when it refuses another.
    pub(crate) const NAMES: &str = "[NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES, KEYS_ONLY]";

    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "KEYS_ONLY" => Some(Self::KeysOnly),
            "NEW_IMAGE" => Some(Self::NewImage),
            "OLD_IMAGE" => Some(Self::OldImage),
            "NEW_AND_OLD_IMAGES" => Some(Self::NewAndOldImages),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::KeysOnly => "KEYS_ONLY",
            Self::NewImage => "NEW_IMAGE",
            Self::OldImage => "OLD_IMAGE",
            Self::NewAndOldImages => "NEW_AND_OLD_IMAGES",
        }
    }

    fn shows_new(self) -> bool {
        matches!(self, Self::NewImage | Self::NewAndOldImages)
    }

    fn shows_old(self) -> bool {
        matches!(self, Self::OldImage | Self::NewAndOldImages)
    }
}

/// One change of one item.
#[derive(Clone, Debug)]
pub struct StreamRecord {
    /// 32 hexadecimal digits, the same on every delivery.
    pub event_id: String,
    /// `INSERT`, `MODIFY` or `REMOVE`.
    pub event_name: String,
    pub sequence_number: String,
    /// Seconds since the epoch.
    pub approximate_creation: u64,
    pub size_bytes: usize,
    pub view_type: ViewType,
    /// Typed attribute values, as DynamoDB JSON.
    pub keys: Box<RawValue>,
    pub new_image: Option<Box<RawValue>>,
    pub old_image: Option<Box<RawValue>>,
    /// Who made the change, when it was the service and not a user.
    pub user_identity: Option<UserIdentity>,
    pub region: Arc<str>,
    pub stream_arn: Arc<str>,
    number: SequenceNumber,
}

/// The author of a change no user made; expiry is the only one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UserIdentity {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(rename = "principalId")]
    pub principal_id: String,
}

/// A row of the engine's record table.
pub(crate) struct StoredRecord {
    pub(crate) number: i64,
    pub(crate) event_name: String,
    pub(crate) keys: String,
    pub(crate) new_image: Option<String>,
    pub(crate) old_image: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) user_identity: Option<String>,
    pub(crate) event_id: Option<String>,
}

impl StoredRecord {
    /// The record as the stream shows it. `None` for a write that changed nothing: the engine records it, DynamoDB does not.
    pub(crate) fn shown(
        self,
        view_type: ViewType,
        region: &Arc<str>,
        stream_arn: &Arc<str>,
    ) -> serde_json::Result<Option<StreamRecord>> {
        if let (Some(new), Some(old)) = (&self.new_image, &self.old_image)
            && is_same(new, old)?
        {
            return Ok(None);
        }
        let new_image = self.new_image.filter(|_| view_type.shows_new());
        let old_image = self.old_image.filter(|_| view_type.shows_old());
        let mut size_bytes = item_bytes(&self.keys)?;
        for image in [&new_image, &old_image].into_iter().flatten() {
            size_bytes += item_bytes(image)?;
        }
        let number = SequenceNumber(self.number);
        Ok(Some(StreamRecord {
            event_id: self.event_id.unwrap_or_else(|| format!("{:032x}", self.number)),
            event_name: self.event_name,
            sequence_number: number.to_string(),
            approximate_creation: self.created_at.max(0) as u64,
            size_bytes,
            view_type,
            keys: RawValue::from_string(self.keys)?,
            new_image: new_image.map(RawValue::from_string).transpose()?,
            old_image: old_image.map(RawValue::from_string).transpose()?,
            user_identity: self.user_identity.as_deref().map(serde_json::from_str).transpose()?,
            region: Arc::clone(region),
            stream_arn: Arc::clone(stream_arn),
            number,
        }))
    }

    /// Roughly what the record adds to an answer.
    pub(crate) fn bytes(&self) -> usize {
        let length = |image: &Option<String>| image.as_ref().map_or(0, String::len);
        self.keys.len() + length(&self.new_image) + length(&self.old_image)
    }
}

/// Whether two images, as the engine wrote them, are the same item.
fn is_same(one: &str, other: &str) -> serde_json::Result<bool> {
    if one == other {
        return Ok(true);
    }
    // The members of maps and sets stand in any order, but the texts of one item have the same bytes. Most changes are
    // told by that, without reading either.
    let bytes = |text: &str| text.bytes().map(u64::from).sum::<u64>();
    if one.len() != other.len() || bytes(one) != bytes(other) {
        return Ok(false);
    }
    Ok(same_item(&serde_json::from_str(one)?, &serde_json::from_str(other)?))
}

/// Whether two images are the same item. Sets have no order.
fn same_item(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| other.get(name).is_some_and(|counterpart| same_value(value, counterpart)))
}

fn same_value(one: &Value, other: &Value) -> bool {
    if one == other {
        return true;
    }
    let Some(((kind, one), other)) = one
        .as_object()
        .and_then(|typed| typed.iter().next())
        .and_then(|(kind, one)| Some(((kind, one), other.as_object()?.get(kind)?)))
    else {
        return false;
    };
    match (kind.as_str(), one, other) {
        ("SS" | "NS" | "BS", Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().all(|element| other.contains(element))
        }
        ("L", Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_value(one, other))
        }
        ("M", Value::Object(one), Value::Object(other)) => same_item(one, other),
        _ => false,
    }
}

impl StreamRecord {
    /// The position behind this record.
    pub fn position(&self) -> Position {
        Position::After(self.number)
    }

    /// The record as a function receives it, as JSON text.
    pub fn to_lambda_json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and JSON text can always be written as JSON")
    }

    /// The record as GetRecords answers it.
    pub(crate) fn for_streams_api(&self) -> impl Serialize + '_ {
        StreamsApi(self)
    }

    fn serialize_head<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("eventID", &self.event_id)?;
        map.serialize_entry("eventName", &self.event_name)?;
        map.serialize_entry("eventVersion", "1.1")?;
        map.serialize_entry("eventSource", "aws:dynamodb")?;
        map.serialize_entry("awsRegion", self.region.as_ref())?;
        map.serialize_entry(
            "dynamodb",
            &Change {
                // A decimal form: Python handlers see a float, as at AWS.
                approximate_creation_date_time: self.approximate_creation as f64,
                keys: &self.keys,
                new_image: self.new_image.as_deref(),
                old_image: self.old_image.as_deref(),
                sequence_number: &self.sequence_number,
                size_bytes: self.size_bytes,
                stream_view_type: self.view_type.name(),
            },
        )
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Change<'a> {
    approximate_creation_date_time: f64,
    keys: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_image: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_image: Option<&'a RawValue>,
    sequence_number: &'a str,
    size_bytes: usize,
    stream_view_type: &'static str,
}

/// The shape a function receives, keys in the order Lambda writes them.
impl Serialize for StreamRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Identity<'a> {
            #[serde(rename = "type")]
            kind: &'a str,
            #[serde(rename = "principalId")]
            principal_id: &'a str,
        }
        let mut map = serializer.serialize_map(None)?;
        self.serialize_head(&mut map)?;
        if let Some(UserIdentity { kind, principal_id }) = &self.user_identity {
            map.serialize_entry("userIdentity", &Identity { kind, principal_id })?;
        }
        map.serialize_entry("eventSourceARN", self.stream_arn.as_ref())?;
        map.end()
    }
}

/// The Streams API capitalises the members of `userIdentity` and has no `eventSourceARN`.
struct StreamsApi<'a>(&'a StreamRecord);

impl Serialize for StreamsApi<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Identity<'a> {
            principal_id: &'a str,
            r#type: &'a str,
        }
        let mut map = serializer.serialize_map(None)?;
        self.0.serialize_head(&mut map)?;
        if let Some(UserIdentity { kind, principal_id }) = &self.0.user_identity {
            map.serialize_entry("userIdentity", &Identity { principal_id, r#type: kind })?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stored(old: Option<Value>, new: Option<Value>) -> StoredRecord {
        StoredRecord {
            number: 42,
            event_name: "MODIFY".into(),
            keys: json!({"pk": {"S": "room#1"}}).to_string(),
            new_image: new.map(|image| image.to_string()),
            old_image: old.map(|image| image.to_string()),
            created_at: 1_790_000_000,
            user_identity: None,
            event_id: Some("0f3c5a9be17d4c21a6d0b1f2c3d4e5f6".into()),
        }
    }

    fn shown(record: StoredRecord, view_type: ViewType) -> Option<StreamRecord> {
        let arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/Rooms/stream/2026-09-21T14:13:20.000".into();
        record.shown(view_type, &"eu-west-1".into(), &arn).unwrap()
    }

    #[test]
    fn a_function_receives_the_shape_and_order_of_lambda() {
        let record = stored(
            Some(json!({"pk": {"S": "room#1"}, "n": {"N": "1"}})),
            Some(json!({"pk": {"S": "room#1"}, "n": {"N": "2"}})),
        );
        assert_eq!(
            shown(record, ViewType::NewAndOldImages).unwrap().to_lambda_json(),
            concat!(
                r#"{"eventID":"0f3c5a9be17d4c21a6d0b1f2c3d4e5f6","eventName":"MODIFY","eventVersion":"1.1","#,
                r#""eventSource":"aws:dynamodb","awsRegion":"eu-west-1","#,
                r#""dynamodb":{"ApproximateCreationDateTime":1790000000.0,"Keys":{"pk":{"S":"room#1"}},"#,
                r#""NewImage":{"n":{"N":"2"},"pk":{"S":"room#1"}},"OldImage":{"n":{"N":"1"},"pk":{"S":"room#1"}},"#,
                r#""SequenceNumber":"100000000000000000042","SizeBytes":30,"StreamViewType":"NEW_AND_OLD_IMAGES"},"#,
                r#""eventSourceARN":"arn:aws:dynamodb:eu-west-1:000000000000:table/Rooms/stream/2026-09-21T14:13:20.000"}"#,
            )
        );
    }

    #[test]
    fn expiry_is_told_in_both_spellings() {
        let mut record = stored(Some(json!({"pk": {"S": "room#1"}})), None);
        record.user_identity = Some(r#"{"type":"Service","principalId":"dynamodb.amazonaws.com"}"#.into());
        let record = shown(record, ViewType::NewAndOldImages).unwrap();
        let lambda: Value = serde_json::from_str(&record.to_lambda_json()).unwrap();
        let api = serde_json::to_value(record.for_streams_api()).unwrap();
        assert_eq!(lambda["userIdentity"], json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"}));
        assert_eq!(api["userIdentity"], json!({"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}));
        assert_eq!(api.get("eventSourceARN"), None);
    }

    #[test]
    fn a_write_that_changes_nothing_is_not_a_change() {
        let item =
            |list: Value, set: Value| Some(json!({"pk": {"S": "a"}, "l": {"L": list}, "m": {"M": {"s": {"SS": set}}}}));
        let before = || item(json!([{"N": "1"}, {"N": "2"}]), json!(["x", "y"]));
        for (after, changed) in [
            (before(), false),
            (item(json!([{"N": "1"}, {"N": "2"}]), json!(["y", "x"])), false),
            (item(json!([{"N": "2"}, {"N": "1"}]), json!(["x", "y"])), true),
            (item(json!([{"N": "1"}, {"S": "2"}]), json!(["x", "y"])), true),
            (item(json!([{"N": "1"}, {"N": "2"}]), json!(["x", "z"])), true),
            (item(json!([{"N": "0"}, {"N": "3"}]), json!(["x", "y"])), true),
            (Some(json!({"pk": {"S": "a"}})), true),
        ] {
            let described = format!("{after:?}");
            assert_eq!(shown(stored(before(), after), ViewType::KeysOnly).is_some(), changed, "{described}");
        }
    }

    /// Sizes recorded at AWS.
    #[test]
    fn size_bytes_are_those_of_aws() {
        for (keys, old, new, view, expected) in [
            (
                json!({"id": {"S": "id_value"}}),
                None,
                Some(json!({"id": {"S": "id_value"}, "id2": {"S": "id2_value"}})),
                ViewType::NewAndOldImages,
                32,
            ),
            (
                json!({"id": {"S": "id_value"}}),
                None,
                Some(json!({"id": {"S": "id_value"}})),
                ViewType::NewAndOldImages,
                20,
            ),
            (
                json!({"id": {"S": "id_value"}}),
                Some(json!({"id": {"S": "id_value"}})),
                Some(json!({"id": {"S": "id_value"}, "id2": {"S": "id2_new_value"}})),
                ViewType::NewAndOldImages,
                46,
            ),
            (
                json!({"my_partition_key": {"S": "hello world"}}),
                None,
                Some(json!({"my_partition_key": {"S": "hello world"}})),
                ViewType::NewImage,
                54,
            ),
            (
                json!({"my_partition_key": {"S": "hello world"}}),
                None,
                Some(json!({"my_partition_key": {"S": "hello world"}, "binary_key": {"B": "Zm9vYmFy"}})),
                ViewType::NewImage,
                70,
            ),
        ] {
            let mut record = stored(old, new);
            record.keys = keys.to_string();
            assert_eq!(shown(record, view).unwrap().size_bytes, expected);
        }
    }
}
