//! Many requests at once, from one thread: each is sent on a connection of its own before the answer to the one before
//! is awaited. The server works on all of them; the caller waits for one round trip, not for the sum.
//!
//! What does not go smoothly here (a redirect, a dead token, a broken connection) goes the way of a single request,
//! with all its tries.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::client::{Ask, Client, Effect, Outcome};
use super::session::Session;
use super::transport::{Method, Reply, Underway};
use crate::call::Deadline;
use crate::error::{Error, Result, Status};

/// A request that waits for its turn.
pub struct Task {
    method: Method,
    path: String,
    body: Option<Zeroizing<Vec<u8>>>,
    effect: Effect,
}

impl Task {
    /// A read of the path behind `/v1/`, encoded, with its query.
    pub fn get(path: String) -> Task {
        Task { method: Method::Get, path, body: None, effect: Effect::Read }
    }

    /// A write, which is only repeated if the server cannot have acted.
    pub fn post(path: String, body: Zeroizing<Vec<u8>>) -> Task {
        Task { method: Method::Post, path, body: Some(body), effect: Effect::Once }
    }

    /// The path.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn ask(&self) -> Ask<'_> {
        Ask {
            method: self.method,
            path: &self.path,
            body: self.body.as_ref().map(|b| b.as_slice()),
            effect: self.effect,
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
    fn done(&mut self, tag: Self::Tag, task: &Task, outcome: Result<Reply>);
}

/// A task whose answer is awaited.
struct Flight<T> {
    tag: T,
    task: Task,
    node: usize,
    underway: Underway,
}

/// Does all of `work`, with up to `concurrency` requests on their way at a time.
pub fn send_all<W: Work>(client: &Client, session: &Session, work: &mut W, concurrency: usize, deadline: &Deadline) {
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
            match start(client, session, &task, deadline) {
                Ok((node, underway)) => flights.push_back(Flight { tag, task, node, underway }),
                Err(how) => conclude(how.finish(client, session, &task, deadline), tag, &task, work, &mut over),
            }
        }
        let Some(Flight { tag, task, node, underway }) = flights.pop_front() else { return };
        let outcome = match client.receive(node, underway, &task.ask(), deadline) {
            Outcome::Answer(reply) if reply.status != 403 => Ok(reply),
            Outcome::Failed(error) => Err(error),
            _ => Detour::Again.finish(client, session, &task, deadline),
        };
        conclude(outcome, tag, &task, work, &mut over);
    }
}

/// Why a task did not start smoothly.
enum Detour {
    /// It is worth the way of a single request.
    Again,
    /// It is not.
    Failed(Error),
}

impl Detour {
    fn finish(self, client: &Client, session: &Session, task: &Task, deadline: &Deadline) -> Result<Reply> {
        match self {
            Detour::Again => client.send(session, &task.ask(), deadline),
            Detour::Failed(error) => Err(error),
        }
    }
}

fn start(client: &Client, session: &Session, task: &Task, deadline: &Deadline) -> Result<(usize, Underway), Detour> {
    let token = session.token(client, deadline).map_err(Detour::Failed)?;
    client.start(&token, &task.ask(), deadline).map_err(|outcome| match outcome {
        Outcome::Failed(error) => Detour::Failed(error),
        _ => Detour::Again,
    })
}

fn conclude<W: Work>(outcome: Result<Reply>, tag: W::Tag, task: &Task, work: &mut W, over: &mut Option<Error>) {
    if let Err(error) = &outcome {
        let for_all = [Status::Auth, Status::Cancelled, Status::Connection, Status::Timeout, Status::Tls];
        if for_all.contains(&error.status()) {
            over.get_or_insert_with(|| error.clone());
        }
    }
    work.done(tag, task, outcome);
}
