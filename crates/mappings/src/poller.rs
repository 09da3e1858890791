//! One mapping at work: read, collect, deliver, write down, again.

use crate::batch::{Batch, Entry};
use crate::delivery::{Delivery, InDelivery, Step};
use metrics::{Counter, Gauge, counter, gauge};
use sluicegate_tables::{Position, Remainder, StreamError, StreamReader, StreamRecord, Tables};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

/// After the end of a stream, how often to look whether the table has a new one.
const NEW_STREAM_CHECK: Duration = Duration::from_secs(1);
/// Between attempts to read a stream that cannot be read.
const READ_RETRY: Duration = Duration::from_secs(1);
/// Records asked for at once; the reader gives at most so many.
const READ_RECORDS: usize = 1_000;

/// Reading and writing down block: a poller runs on a thread of its own.
pub(crate) struct Poller {
    tables: Tables,
    reader: StreamReader,
    /// Behind the last record read.
    position: Position,
    delivery: Delivery,
    /// Read, but not yet in a batch.
    ahead: VecDeque<Entry>,
    /// The last read brought everything there was: nothing can follow but what is written since.
    caught_up: bool,
    age: Gauge,
    filtered: Counter,
}

/// What a look at the stream brought.
enum Read {
    Something,
    /// Nothing now; a write will wake the reader.
    Nothing,
    /// Nothing for a while: the stream is over, or cannot be read.
    NothingFor(Duration),
}

impl Poller {
    pub(crate) fn new(tables: Tables, reader: StreamReader, position: Position, delivery: Delivery) -> Self {
        let mapping = Arc::clone(&delivery.mapping.label);
        let age = gauge!("sluicegate_mapping_iterator_age_ms", "mapping" => Arc::clone(&mapping));
        let filtered = counter!("sluicegate_mapping_filtered_records_total", "mapping" => mapping);
        Self { tables, reader, position, delivery, ahead: VecDeque::new(), caught_up: false, age, filtered }
    }

    /// Ends when the mapping is told to stop.
    pub(crate) async fn run(mut self) {
        let mut stopped = self.delivery.stopped.clone();
        loop {
            // Collecting holds nothing that is not in the stream, so it may be dropped at any point; a delivery may not.
            let batch = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => return,
                batch = self.collect() => batch,
            };
            self.observe_age(&batch);
            let mut batch = InDelivery::new(batch.into_entries());
            while let Some(step) = self.delivery.step(&mut batch, &self.reader).await {
                match step {
                    Step::Reached(position) => self.write_down(position),
                    Step::Stopped => return,
                }
            }
        }
    }

    /// A batch is closed by the first of: it is full, its payload is, or its window, which began with its first record, is
    /// over. Without a window it is closed by the end of one read.
    async fn collect(&mut self) -> Batch {
        let mut batch = Batch::new(self.delivery.mapping.batch_size);
        let mut window_end = None;
        loop {
            while let Some(entry) = self.ahead.pop_front() {
                if let Err(entry) = batch.push(entry) {
                    self.ahead.push_front(entry);
                    return batch;
                }
            }
            if batch.room() == 0 {
                return batch;
            }
            if !batch.is_empty() {
                let end = *window_end.get_or_insert_with(|| Instant::now() + self.delivery.mapping.batch_window);
                if Instant::now() >= end {
                    return batch;
                }
            }
            let pause = match self.read(&mut batch).await {
                Read::Something => {
                    if self.ahead.is_empty() {
                        // A long run of records that are filtered out has no other point at which it could be ended.
                        tokio::task::yield_now().await;
                    }
                    continue;
                }
                Read::Nothing => None,
                Read::NothingFor(pause) => Some(pause),
            };
            if batch.is_empty() {
                self.report_age(0);
            }
            let paused = async {
                match pause {
                    Some(pause) => sleep(pause).await,
                    None => self.reader.changed().await,
                }
            };
            match window_end {
                None => paused.await,
                Some(end) => tokio::select! {
                    () = paused => {}
                    () = sleep_until(end) => return batch,
                },
            }
        }
    }

    /// Reads on; records that the filter lets pass are `ahead`, the others are handled with that.
    async fn read(&mut self, batch: &mut Batch) -> Read {
        if std::mem::take(&mut self.caught_up) {
            // What has been written since then wakes the reader at once.
            return Read::Nothing;
        }
        match self.reader.read(&self.position, batch.room().min(READ_RECORDS)) {
            Ok(read) => {
                let moved = read.next != self.position;
                self.position = read.next;
                self.take(&read.records, batch);
                match (moved, read.remainder) {
                    (true, remainder) => {
                        self.caught_up = remainder == Remainder::Unwritten;
                        Read::Something
                    }
                    (false, Remainder::Nothing) => self.next_stream().await,
                    (false, Remainder::Unread | Remainder::Unwritten) => Read::Nothing,
                }
            }
            Err(StreamError::Trimmed) => {
                let mapping = &self.delivery.mapping;
                warn!(mapping = %mapping.id, table = %mapping.table, "changes were not read within their retention and are lost; going on with the oldest there is");
                self.position = self.reader.trim_horizon();
                Read::Something
            }
            Err(StreamError::Gone) => self.next_stream().await,
            Err(StreamError::Storage(cause)) => {
                let mapping = &self.delivery.mapping;
                warn!(mapping = %mapping.id, table = %mapping.table, cause, "the stream cannot be read; trying again");
                Read::NothingFor(READ_RETRY)
            }
        }
    }

    /// What the filter drops is done with as soon as everything before it is.
    fn take(&mut self, records: &[StreamRecord], batch: &mut Batch) {
        let mut dropped = 0;
        let mut passed = None;
        for record in records {
            let entry = Entry::of(record);
            match &self.delivery.mapping.filter {
                Some(filter) if !entry.passes(filter) => {
                    dropped += 1;
                    match self.ahead.back_mut() {
                        Some(last) => last.behind = entry.behind,
                        None if batch.reaches(entry.behind) => {}
                        None => passed = Some(entry.behind),
                    }
                }
                _ => self.ahead.push_back(entry),
            }
        }
        if dropped > 0 {
            self.filtered.increment(dropped);
        }
        if let Some(position) = passed {
            self.write_down(position);
        }
    }

    /// The stream is over and read to its end: goes on with the table's new one, from its beginning, if there is one.
    async fn next_stream(&mut self) -> Read {
        let mapping = &self.delivery.mapping;
        let reader = match self.tables.stream(&mapping.table) {
            Ok(reader) if reader.stream_arn() != self.reader.stream_arn() => reader,
            _ => return Read::NothingFor(NEW_STREAM_CHECK),
        };
        info!(mapping = %mapping.id, stream = reader.stream_arn(), "the table has a new stream");
        // Written down now: after a restart this stream, too, goes on where it stood and not at its latest record.
        let beginning = reader.trim_horizon();
        let checkpoints = self.tables.checkpoints();
        if let Err(error) = checkpoints.begin(&mapping.id, reader.stream_arn(), beginning).await {
            warn!(mapping = %mapping.id, %error, "the new stream cannot be begun; trying again");
            return Read::NothingFor(NEW_STREAM_CHECK);
        }
        self.reader = reader;
        self.position = beginning;
        Read::Something
    }

    /// A checkpoint that cannot be written costs a repeated delivery after a crash, so it does not hold back the stream.
    fn write_down(&self, position: Position) {
        let mapping = &self.delivery.mapping;
        let checkpoints = self.tables.checkpoints();
        if let Err(error) = checkpoints.store(&mapping.id, self.reader.stream_arn(), position) {
            warn!(mapping = %mapping.id, %error, "records will be delivered again after a restart");
            let mapping = Arc::clone(&mapping.label);
            counter!("sluicegate_mapping_checkpoint_failures_total", "mapping" => mapping).increment(1);
        }
    }

    fn observe_age(&self, batch: &Batch) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        // Records carry whole seconds, so a new one may seem up to a second old.
        self.report_age(batch.newest().map_or(0, |created| now.saturating_sub(created * 1000)));
    }

    /// How far behind the mapping is.
    fn report_age(&self, milliseconds: u64) {
        self.age.set(milliseconds as f64);
    }
}
