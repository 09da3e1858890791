//! What tables do for every change, ready to be run: for counting instructions (`bench/counts`), as in the gateway.

use crate::stream::record::{StoredRecord, ViewType};
use std::hint::black_box;
use std::sync::Arc;

/// A stored change is compared, measured and shaped as functions receive it. The copy of its texts stands for reading them.
pub fn shape_change() -> impl FnMut() -> usize {
    let keys = r#"{"pk":{"S":"room#1234"},"sk":{"S":"member#42"}}"#;
    let image = |visits: u32| {
        format!(
            r#"{{"pk":{{"S":"room#1234"}},"sk":{{"S":"member#42"}},"visits":{{"N":"{visits}"}},"name":{{"S":"Ann Example"}},"tags":{{"SS":["one","two"]}},"seen":{{"M":{{"at":{{"N":"1772619630"}},"by":{{"L":[{{"S":"a"}},{{"BOOL":true}}]}}}}}}}}"#
        )
    };
    let (new, old) = (image(8), image(7));
    let region: Arc<str> = "eu-west-1".into();
    let arn: Arc<str> = "arn:aws:dynamodb:eu-west-1:000000000000:table/Rooms/stream/2026-09-21T14:13:20.000".into();
    move || {
        let stored = StoredRecord {
            number: 42,
            event_name: "MODIFY".to_owned(),
            keys: black_box(keys).to_owned(),
            new_image: Some(black_box(&new).clone()),
            old_image: Some(black_box(&old).clone()),
            created_at: 1_772_619_630,
            user_identity: None,
            event_id: Some("0f3c5a9be17d4c21a6d0b1f2c3d4e5f6".to_owned()),
        };
        match stored.shown(ViewType::NewAndOldImages, &region, &arn) {
            Ok(Some(record)) => record.to_lambda_json().len(),
            Ok(None) | Err(_) => 0,
        }
    }
}
