//! A load generator for any WebSocket server: many connections in one thread, every delivery checked.
//!
//! **Boundary:** a client of servers. It shares no code with the gateway that it measures.
//! **Invariant:** every phase has a deadline; whatever a server does, a run ends and says what it saw.
//!
//! Two ways in: the subcommand `sluicegate load` ([`command`], [`run`]), and the parts for programs that measure in their own
//! way, such as the benches: [`Crowd`] holds the connections, [`Ledger`] knows who has received what, [`Run`] and [`Template`]
//! make messages that are recognised again, [`process`] reads a server's figures.

mod client;
mod command_line;
mod crowd;
mod explanations;
mod files;
mod frame;
mod handshake;
mod latency;
mod ledger;
mod mark;
mod meter;
mod opening;
mod pace;
mod problems;
pub mod process;
mod progress;
mod reference;
mod report;
mod requests;
mod run;
mod scenario;
mod stream;
mod table;
mod tally;
mod target;

pub use client::{CloseCode, Ending, MAX_UNSENT_BYTES};
pub use crowd::{Crowd, Listen};
pub use files::{TooFewFiles, make_room};
pub use frame::{Broken, Kind, MAX_MESSAGE_BYTES};
pub use latency::{Latency, Percentiles};
pub use ledger::{Arrival, Ledger, Receipt, Sequence};
pub use mark::{Found, Mark, Run, Scanner, Template, TemplateError};
pub use opening::{Opened, Opening, Refusals, Stop};
pub use pace::{Pace, Schedule};
pub use problems::Problems;
pub use progress::Progress;
pub use reference::reference_page;
pub use report::{Outcome, Report};
pub use requests::{Call, Keys, Requesting};
pub use run::{command, run};
pub use scenario::{Failure, Scenario, Setup, SlowReaders, Source, Span, Stream};
pub use stream::Reading;
pub use table::grouped;
pub use target::{MAX_PER_SOURCE, Target, TargetError};
