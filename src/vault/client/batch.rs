//! Sends many requests concurrently from one thread: each is sent on a connection of its own before the response to the
//! previous one is awaited. The server works on all of them; the caller waits for one round trip and not for their sum.
//!
//! A request that meets a redirect, an invalid token or a broken connection is sent again as a single request, with all
//! retries.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Context;
use crate::error::{Error, Result, Status};
use crate::http::{InFlight, Permit};
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::outcome::{Outcome, Sent};
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::Response;
use crate::vault::auth::token::Token;

/// A source of calls and a sink for their results. A result may add calls.
pub trait Work {
    /// The endpoint that is called.
    type Endpoint: Endpoint;

    /// Identifies a call.
    type Tag;

    /// The next call, if there is one at present.
    fn next(&mut self) -> Option<(Self::Tag, Self::Endpoint)>;

    /// Takes the result of a call.
    fn done(&mut self, tag: Self::Tag, outcome: Result<<Self::Endpoint as Endpoint>::Output>);
}

/// Calls all `endpoints`, with up to `concurrency` requests in flight at a time. Returns the results in order.
pub fn call_each<E: Endpoint>(
    context: Context<'_>,
    endpoints: impl ExactSizeIterator<Item = E>,
    concurrency: usize,
) -> Vec<Result<E::Output>> {
    let missing = || Err(Error::new(Status::Internal, "a call without a result"));
    let results = (0..endpoints.len()).map(|_| missing()).collect();
    let mut work = InOrder { endpoints: endpoints.enumerate(), results };
    run(context, &mut work, concurrency);
    work.results
}

/// Calls whose results are collected in order.
struct InOrder<I: Iterator<Item: Endpoint>> {
    endpoints: std::iter::Enumerate<I>,
    results: Vec<Result<<I::Item as Endpoint>::Output>>,
}

impl<I: Iterator<Item: Endpoint>> Work for InOrder<I> {
    type Endpoint = I::Item;
    type Tag = usize;

    fn next(&mut self) -> Option<(usize, I::Item)> {
        self.endpoints.next()
    }

    fn done(&mut self, index: usize, outcome: Result<<I::Item as Endpoint>::Output>) {
        if let Some(place) = self.results.get_mut(index) {
            *place = outcome;
        }
    }
}

/// A request in flight.
struct Pending<T, E> {
    tag: T,
    endpoint: E,
    request: ApiRequest,
    token: Arc<Token>,
    sent: Sent,
    in_flight: InFlight,
}

/// A request whose response, or failure, is known.
struct Received<T, E> {
    tag: T,
    endpoint: E,
    request: ApiRequest,
    outcome: Outcome,
}

/// Makes all calls of `work`, with up to `concurrency` requests in flight at a time.
pub fn run<W: Work>(context: Context<'_>, work: &mut W, concurrency: usize) {
    Batch { context, work, pending: VecDeque::with_capacity(concurrency), aborted: None }.run(concurrency.max(1));
}

/// A batch in progress.
struct Batch<'w, 'c, W: Work> {
    context: Context<'c>,
    work: &'w mut W,
    pending: VecDeque<Pending<W::Tag, W::Endpoint>>,
    /// The error that ends the batch: it would fail every other request, too, each after its own wait.
    aborted: Option<Error>,
}

impl<W: Work> Batch<'_, '_, W> {
    fn run(&mut self, concurrency: usize) {
        loop {
            while self.pending.len() < concurrency {
                let Some(permit) = self.permit() else { break };
                let Some((tag, endpoint)) = self.work.next() else { break };
                self.begin(tag, endpoint, permit);
            }
            let Some(oldest) = self.pending.pop_front() else { return };
            let received = self.receive(oldest);
            self.finish(received);
        }
    }

    /// The right to send one more request, of which only the first one of several is waited for: batches that wait for
    /// each other's connections would wait for ever. `None`: not now.
    fn permit(&mut self) -> Option<Option<Permit>> {
        let Context { client, deadline } = self.context;
        if !self.pending.is_empty() {
            return client.requester.permit_now().ok();
        }
        Some(client.requester.permit(deadline).unwrap_or_else(|error| {
            self.aborted.get_or_insert(error);
            None
        }))
    }

    /// Sends a request. If that fails for good, its call ends at once.
    fn begin(&mut self, tag: W::Tag, endpoint: W::Endpoint, permit: Option<Permit>) {
        if let Some(error) = &self.aborted {
            return self.work.done(tag, Err(error.clone()));
        }
        let request = match endpoint.request() {
            Ok(request) => request,
            Err(error) => return self.work.done(tag, Err(error)),
        };
        let token = match self.token(&request, permit.is_some()) {
            Some(Ok(token)) => token,
            Some(Err(error)) => return self.end(tag, &endpoint, &request, Err(error)),
            None => {
                drop(permit);
                return self.send_alone(tag, &endpoint, &request);
            }
        };
        match self.send(&token, &request, permit) {
            Ok((sent, in_flight)) => {
                self.pending.push_back(Pending { tag, endpoint, request, token, sent, in_flight });
            }
            Err(Outcome::Failed(error)) => self.end(tag, &endpoint, &request, Err(error)),
            Err(_) => self.send_alone(tag, &endpoint, &request),
        }
    }

    /// The token for a request. `None`: another request is needed to get one. It would wait for the connections that this
    /// batch has, if they `are_limited`.
    fn token(&self, request: &ApiRequest, are_limited: bool) -> Option<Result<Arc<Token>>> {
        let Context { client, deadline } = self.context;
        match are_limited {
            true => deadline.may_wait().map(|()| client.token_at_hand(request.cost)).transpose(),
            false => Some(client.token(request.cost, deadline)),
        }
    }

    fn send(&self, token: &Token, request: &ApiRequest, permit: Option<Permit>) -> Result<(Sent, InFlight), Outcome> {
        let Context { client, deadline } = self.context;
        client.requester.start(token.header(), request, permit, deadline)
    }

    /// Waits for the response to a request.
    fn receive(&self, pending: Pending<W::Tag, W::Endpoint>) -> Received<W::Tag, W::Endpoint> {
        let Context { client, deadline } = self.context;
        let Pending { tag, endpoint, request, token, sent, in_flight } = pending;
        let outcome = client.requester.receive(sent, in_flight, token.header(), &request, deadline);
        Received { tag, endpoint, request, outcome }
    }

    /// Ends the call of a request whose response has been received, or sends it again.
    fn finish(&mut self, received: Received<W::Tag, W::Endpoint>) {
        let Received { tag, endpoint, request, outcome } = received;
        match outcome {
            Outcome::Response(response) if response.status != 403 => {
                self.work.done(tag, endpoint.parse(&request.path, response));
            }
            // A connection that broke during a write does not affect the other requests.
            Outcome::Failed(error) => self.work.done(tag, Err(error)),
            _ => self.send_alone(tag, &endpoint, &request),
        }
        let deadline = self.context.deadline;
        self.aborted = self.aborted.take().or_else(|| deadline.remaining().err());
    }

    /// Sends the request as a single one, with retries. If connections are limited, it gives back its own first: two
    /// batches would wait for each other.
    fn send_alone(&mut self, tag: W::Tag, endpoint: &W::Endpoint, request: &ApiRequest) {
        let is_limited = self.context.client.requester.is_limited();
        let before: Vec<_> = if is_limited { self.pending.drain(..).collect() } else { Vec::new() };
        let received: Vec<_> = before.into_iter().map(|pending| self.receive(pending)).collect();
        let outcome = self.context.client.send(request, self.context.deadline);
        self.end(tag, endpoint, request, outcome);
        received.into_iter().for_each(|received| self.finish(received));
    }

    /// Ends the call of a request after all retries.
    fn end(&mut self, tag: W::Tag, endpoint: &W::Endpoint, request: &ApiRequest, outcome: Result<Response>) {
        if self.aborted.is_none() {
            self.aborted = outcome.as_ref().err().filter(|error| aborts_batch(error)).cloned();
        }
        self.work.done(tag, outcome.and_then(|response| endpoint.parse(&request.path, response)));
    }
}

/// Whether an error, after all retries, would occur for the other requests, too.
fn aborts_batch(error: &Error) -> bool {
    matches!(error.status(), Status::Auth | Status::Cancelled | Status::Connection | Status::Timeout | Status::Tls)
}
