//! Counts what a manager does, in atomics: no lock, and nothing that a fork can leave locked.
//!
//! A child of a fork counts from zero, so that the sum over all processes counts nothing twice.

mod counts;
mod labels;
mod process;
mod text;

pub use self::counts::{GaugeSource, Gauges, Leases, Metrics};
pub use self::labels::{CacheResult, LeaseState, Login, Operation, Reason, STATUSES};
pub use self::process::{Registration, process_text, register};
pub use self::text::text;
