//! Many requests at once, from one thread: each is sent on a connection of its own before the answer to the one before
//! is awaited. The server works on all of them; the caller waits for one round trip, not for the sum.
//!
//! What does not go smoothly here (a redirect, a dead token, a broken connection) goes the way of a single request,
//! with all its tries.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Client;
use crate::call::Deadline;
use crate::error::{Error, Result, Status};
use crate::http::{InFlight, Method, Response};
use crate::secret::Buffer;
use crate::vault::api::outcome::{Outcome, Sent};
use crate::vault::api::request::{ApiRequest, Effect};
use crate::vault::auth::token::Token;

/// A request that waits for its turn.
pub struct Task {
    method: Method,
    path: String,
    body: Option<Buffer>,
    effect: Effect,
}

impl Task {
    /// A read of the path behind `/v1/`, encoded, with its query.
    pub fn get(path: String) -> Task {
        Task { method: Method::Get, path, body: None, effect: Effect::Read }
    }

    /// A write, which is only repeated if the server cannot have acted.
    pub fn post(path: String, body: Buffer) -> Task {
        Task { method: Method::Post, path, body: Some(body), effect: Effect::Once }
    }

    /// The path.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn ask(&self) -> ApiRequest<'_> {
        ApiRequest {
            method: self.method,
            path: &self.path,
            body: self.body.as_ref().map(|b| b.as_slice()),
            effect: self.effect,
            is_counted: true,
        }
    }
}

/// Where tasks come from and answers go to. An answer may bring new tasks.
pub trait Work {
    /// What identifies a task.
    type Tag;

    /// The next task, if there is one now.
    fn next(&mut self) -> Option<(Self::Tag, Task)>;

    /// What came of a task.
    fn done(&mut self, tag: Self::Tag, task: &Task, outcome: Result<Response>);
}

/// A task whose answer is awaited.
struct Flight<T> {
    tag: T,
    task: Task,
    token: Arc<Token>,
    sent: Sent,
    underway: InFlight,
}

/// Does all of `work`, with up to `concurrency` requests on their way at a time.
pub fn send_all<W: Work>(client: &Client, work: &mut W, concurrency: usize, deadline: &Deadline) {
    let mut flights: VecDeque<Flight<W::Tag>> = VecDeque::with_capacity(concurrency);
    // Why nothing more is tried: what ended one request for good would end the others, one wait after the other.
    let mut over: Option<Error> = None;
    loop {
        while flights.len() < concurrency.max(1) {
            let Some((tag, task)) = work.next() else { break };
            if let Some(error) = &over {
                work.done(tag, &task, Err(error.clone()));
                continue;
            }
            match start(client, &task, deadline) {
                Ok((token, sent, underway)) => flights.push_back(Flight { tag, task, token, sent, underway }),
                Err(how) => {
                    let outcome = how.finish(client, &task, deadline);
                    over = outcome.as_ref().err().filter(|error| ends_all(error)).cloned();
                    work.done(tag, &task, outcome);
                }
            }
        }
        let Some(Flight { tag, task, token, sent, underway }) = flights.pop_front() else { return };
        let outcome = match client.requester.receive(sent, underway, token.header(), &task.ask(), deadline) {
            Outcome::Answer(reply) if reply.status != 403 => Ok(reply),
            // One connection that broke in the middle of a write says nothing about the others.
            Outcome::Failed(error) => Err(error),
            _ => {
                let outcome = Detour::Again.finish(client, &task, deadline);
                over = over.or_else(|| outcome.as_ref().err().filter(|error| ends_all(error)).cloned());
                outcome
            }
        };
        over = over.or_else(|| deadline.remaining().err());
        work.done(tag, &task, outcome);
    }
}

/// Whether a request that had all its tries failed for a reason that the next one would meet, too.
fn ends_all(error: &Error) -> bool {
    matches!(error.status(), Status::Auth | Status::Cancelled | Status::Connection | Status::Timeout | Status::Tls)
}

/// Why a task did not start smoothly.
enum Detour {
    /// It is worth the way of a single request.
    Again,
    /// It is not.
    Failed(Error),
}

impl Detour {
    fn finish(self, client: &Client, task: &Task, deadline: &Deadline) -> Result<Response> {
        match self {
            Detour::Again => client.send(&task.ask(), deadline),
            Detour::Failed(error) => Err(error),
        }
    }
}

/// The token that the request goes with, where it went, and what is awaited of it.
type Started = (Arc<Token>, Sent, InFlight);

fn start(client: &Client, task: &Task, deadline: &Deadline) -> Result<Started, Detour> {
    let token = client.token(true, deadline).map_err(Detour::Failed)?;
    match client.requester.start(token.header(), &task.ask(), deadline) {
        Ok((sent, underway)) => Ok((token, sent, underway)),
        Err(Outcome::Failed(error)) => Err(Detour::Failed(error)),
        Err(_) => Err(Detour::Again),
    }
}
