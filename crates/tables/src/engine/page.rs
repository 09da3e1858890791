//! Scan and Query in slices.
//!
//! The engine holds its one lock for a whole page: 1 MB of small items is ten thousand rows and many milliseconds in which
//! no write gets through. So a page is fetched in slices, with the lock free between them, and put together: callers see
//! the page AWS would give them, up to 1 MB or their `Limit`.

use super::dispatch;
use crate::refusal::Refusal;
use crate::surface::operation::Operation;
use dynoxide::actions::query::{QueryRequest, QueryResponse};
use dynoxide::actions::scan::{ScanRequest, ScanResponse};
use dynoxide::types::{CapacityDetail, ConsumedCapacity};
use dynoxide::{AttributeValue, Database, DynoxideError, Item};
use std::collections::HashMap;

/// Items evaluated under one hold of the engine's lock: about 7 ms of scanning.
const SLICE_ITEMS: usize = 1000;

/// AWS ends a page when the items it evaluated reach 1 MB.
const PAGE_BYTES: f64 = 1024.0 * 1024.0;

/// What one capacity unit of a read stands for, in bytes: 4 KB, or twice that for an eventually consistent read.
const UNIT_BYTES: f64 = 4096.0;

type Key = HashMap<String, AttributeValue>;

/// What slices of one page have in common. The two requests and responses differ in type only.
trait Pages {
    type Request;
    type Response;
    fn fetch(database: &Database, request: Self::Request) -> Result<Self::Response, DynoxideError>;
    fn limit(request: &mut Self::Request) -> &mut Option<usize>;
    fn capacity_mode(request: &mut Self::Request) -> &mut Option<String>;
    fn start_at(request: &mut Self::Request, key: Key);
    fn consistent(request: &Self::Request) -> bool;
    fn parts(response: &mut Self::Response) -> Parts<'_>;
}

struct Parts<'a> {
    items: &'a mut Option<Vec<Item>>,
    count: &'a mut usize,
    scanned: &'a mut usize,
    last_key: &'a mut Option<Key>,
    capacity: &'a mut Option<ConsumedCapacity>,
}

/// `read` reads the request afresh for each slice.
pub(super) fn scan(
    database: &Database,
    read: impl Fn() -> Result<ScanRequest, Refusal>,
) -> Result<ScanResponse, Refusal> {
    paged::<Scans>(database, Operation::Scan, read)
}

/// As [`scan`].
pub(super) fn query(
    database: &Database,
    read: impl Fn() -> Result<QueryRequest, Refusal>,
) -> Result<QueryResponse, Refusal> {
    paged::<Queries>(database, Operation::Query, read)
}

fn paged<P: Pages>(
    database: &Database,
    operation: Operation,
    read: impl Fn() -> Result<P::Request, Refusal>,
) -> Result<P::Response, Refusal> {
    let fetch = |request| P::fetch(database, request).map_err(|error| dispatch::refusal(operation, error));
    let mut request = read()?;
    let asked = *P::limit(&mut request);
    if asked.is_some_and(|limit| limit <= SLICE_ITEMS) {
        return fetch(request);
    }
    let unit_bytes = if P::consistent(&request) { UNIT_BYTES } else { 2.0 * UNIT_BYTES };
    let wants_capacity = P::capacity_mode(&mut request).as_deref().is_some_and(|mode| mode != "NONE");
    let slice = |mut request: P::Request, limit: usize| {
        *P::limit(&mut request) = Some(limit);
        if !wants_capacity {
            // A slice's size is known by its price only. (A mode that is none of AWS's is left for the engine to refuse.)
            *P::capacity_mode(&mut request) = Some("TOTAL".to_owned());
        }
        request
    };

    let mut limit = SLICE_ITEMS;
    let mut page = fetch(slice(request, limit))?;
    let mut fetched = *P::parts(&mut page).scanned;
    loop {
        let parts = P::parts(&mut page);
        let scanned = *parts.scanned;
        let bytes = parts.capacity.as_ref().map_or(PAGE_BYTES, |capacity| capacity.capacity_units * unit_bytes);
        let left = asked.map_or(usize::MAX, |asked| asked.saturating_sub(scanned));
        // A slice with fewer items than asked for, and more to come, was ended by its size.
        let full = fetched < limit || bytes >= PAGE_BYTES || left == 0;
        let Some(key) = parts.last_key.clone().filter(|_| !full) else { break };

        let item_bytes = (bytes / scanned.max(1) as f64).max(1.0);
        let fitting = ((PAGE_BYTES - bytes) / item_bytes) as usize;
        limit = fitting.clamp(1, SLICE_ITEMS).min(left);
        let mut next = slice(read()?, limit);
        P::start_at(&mut next, key);
        // The lock is free here; let a waiting call have it.
        std::thread::yield_now();
        let mut more = fetch(next)?;
        fetched = *P::parts(&mut more).scanned;
        append(P::parts(&mut page), P::parts(&mut more));
    }
    if !wants_capacity {
        *P::parts(&mut page).capacity = None;
    }
    Ok(page)
}

fn append(page: Parts<'_>, slice: Parts<'_>) {
    if let (Some(items), Some(more)) = (page.items.as_mut(), slice.items.take()) {
        items.extend(more);
    }
    *page.count += *slice.count;
    *page.scanned += *slice.scanned;
    *page.last_key = slice.last_key.take();
    if let (Some(total), Some(more)) = (page.capacity.as_mut(), slice.capacity.take()) {
        add_capacity(total, more);
    }
}

fn add_capacity(total: &mut ConsumedCapacity, more: ConsumedCapacity) {
    total.capacity_units += more.capacity_units;
    add_detail(total.table.as_mut(), more.table);
    for (indexes, more) in [
        (&mut total.global_secondary_indexes, more.global_secondary_indexes),
        (&mut total.local_secondary_indexes, more.local_secondary_indexes),
    ] {
        for (name, detail) in more.unwrap_or_default() {
            add_detail(indexes.as_mut().and_then(|indexes| indexes.get_mut(&name)), Some(detail));
        }
    }
}

fn add_detail(total: Option<&mut CapacityDetail>, more: Option<CapacityDetail>) {
    if let (Some(total), Some(more)) = (total, more) {
        total.capacity_units += more.capacity_units;
    }
}

struct Scans;
struct Queries;

macro_rules! pages {
    ($pages:ident, $request:ident, $response:ident, $method:ident) => {
        impl Pages for $pages {
            type Request = $request;
            type Response = $response;
            fn fetch(database: &Database, request: $request) -> Result<$response, DynoxideError> {
                database.$method(request)
            }
            fn limit(request: &mut $request) -> &mut Option<usize> {
                &mut request.limit
            }
            fn capacity_mode(request: &mut $request) -> &mut Option<String> {
                &mut request.return_consumed_capacity
            }
            fn start_at(request: &mut $request, key: Key) {
                request.exclusive_start_key = Some(key);
                request.exclusive_start_key_raw = None;
            }
            fn consistent(request: &$request) -> bool {
                request.consistent_read == Some(true)
            }
            fn parts(response: &mut $response) -> Parts<'_> {
                Parts {
                    items: &mut response.items,
                    count: &mut response.count,
                    scanned: &mut response.scanned_count,
                    last_key: &mut response.last_evaluated_key,
                    capacity: &mut response.consumed_capacity,
                }
            }
        }
    };
}

pages!(Scans, ScanRequest, ScanResponse, scan);
pages!(Queries, QueryRequest, QueryResponse, query);
