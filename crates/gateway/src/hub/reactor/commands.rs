//! What everybody else asks of a reactor.

use super::Reactor;
use super::members::Members;
use super::reading::Turn;
use crate::hub::connection::{Connection, Phase};
use crate::hub::outbound::Accepted;
use crate::hub::{Command, StageIndex, slots};
use crate::peer::Peer;
use crate::websocket::Frame;
use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Interest, Token};
use sluicegate_protocol::{Broadcast, CloseReason, ConnectionDetails, ConnectionId, PostError};
use std::collections::VecDeque;
use std::sync::Arc;

/// Frames of waiting broadcasts that are written in one call.
const COALESCED_FRAMES: usize = 64;

impl Reactor {
    pub(super) fn carry_out(&mut self, command: Command) {
        match command {
            Command::Stage(stage, wire) => self.stages.push(Members::new(&stage, wire)),
            Command::ChangeStage(stage, wire) => {
                if let Some(members) = self.stages.get_mut(usize::from(stage)) {
                    members.wire = wire;
                }
            }
            Command::CloseStage(stage) => self.close_stage(stage),
            Command::Open(peer, now) => self.open(peer, now),
            Command::Attach(id, socket, early) => self.attach(id, socket, early),
            Command::End(id, reason) => {
                if let Some(place) = self.place_of(id) {
                    self.end(place, reason);
                }
            }
            Command::Post { stage, connection, frame, reply } => {
                let result = self.post(stage, connection, &frame);
                if let Some(reply) = reply {
                    let _ = reply.send(result);
                }
            }
            Command::Get { stage, connection, reply } => {
                let _ = reply.send(self.details(stage, connection));
            }
            Command::Delete { stage, connection, reply } => {
                let place = self.find_in_stage(stage, connection);
                let _ = reply.send(place.is_some());
                if let Some(place) = place {
                    self.end(place, CloseReason::DELETED);
                }
            }
            Command::Broadcast { stage, frames, reply } => {
                let mut replies = vec![reply];
                let frames = coalesce(stage, &frames, &mut replies, &mut self.commands);
                let result = self.broadcast(stage, &frames);
                for reply in replies {
                    let _ = reply.send(result);
                }
            }
            Command::Resume(id) => self.resume(id),
            Command::Drain => {
                self.begin_draining();
            }
            Command::Stop => self.stopping = true,
        }
    }

    pub(super) fn open(&mut self, peer: Arc<Peer>, now: u64) {
        let (place, stage) = (slots::place_of(peer.id.slot()), usize::from(peer.stage_index));
        if self.slab.len() <= place {
            self.slab.resize_with(place + 1, || None);
        }
        let members = &mut self.stages[stage];
        members.connections.increment(1);
        let places = members.places(peer.compression);
        places.push(place as u32);
        self.slab[place] = Some(Connection::new(peer, places.len() as u32 - 1, now));
        if self.draining {
            self.end(place, CloseReason::GOING_AWAY);
        }
    }

    pub(super) fn attach(&mut self, id: ConnectionId, socket: std::net::TcpStream, early: Bytes) {
        // The connection may have ended while its 101 was written, and its slot gone to another; the socket is then closed.
        let Some(place) = self.place_of(id) else { return };
        let Some(connection) = &mut self.slab[place] else { return };
        let mut socket = TcpStream::from_std(socket);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.registry.register(&mut socket, Token(place), interest) {
            tracing::warn!(%error, connection = %id, "cannot watch a socket; the connection is dropped");
            return self.end(place, CloseReason::LOST);
        }
        connection.socket = Some(socket);
        self.flush(place);
        if !early.is_empty() {
            // Bytes the client sent right behind its handshake.
            if let Some(Turn::Ended(reason)) = self.received(place, &mut early.to_vec()) {
                self.end(place, reason);
            }
        }
        // Whatever came since raises an event, because registering reports the present state.
    }

    pub(super) fn post(&mut self, stage: StageIndex, id: ConnectionId, frame: &Frame) -> Result<(), PostError> {
        let place = self.find_in_stage(stage, id).ok_or(PostError::Gone)?;
        let compression = self.slab[place].as_ref().and_then(Connection::open).ok_or(PostError::Gone)?.peer.compression;
        let bytes = frame.bytes_for(compression, &mut self.deflater).clone();
        match self.write(place, &bytes) {
            Ok(Accepted::Yes) => {
                self.touch(place);
                self.stages[usize::from(stage)].count_sent(1);
                Ok(())
            }
            Ok(Accepted::QueueFull) => Err(PostError::QueueFull),
            Err(_) => {
                self.end(place, CloseReason::LOST);
                Err(PostError::Gone)
            }
        }
    }

    pub(super) fn details(&self, stage: StageIndex, id: ConnectionId) -> Option<ConnectionDetails> {
        let connection = self.slab.get(self.find_in_stage(stage, id)?)?.as_ref()?;
        let peer = &connection.open()?.peer;
        Some(ConnectionDetails {
            connected_at: peer.connected_at,
            last_active_at: connection.last_active,
            source_ip: peer.source_ip.to_string().into(),
            user_agent: peer.user_agent.clone(),
        })
    }

    pub(super) fn resume(&mut self, id: ConnectionId) {
        let Some(place) = self.find(id) else { return };
        if let Some(Some(Connection { phase: Phase::Open(open), .. })) = self.slab.get_mut(place) {
            // One message has ended, but more may be under way than the limit: a single read can bring many.
            open.paused = open.peer.pause_at(self.options.messages_in_flight);
            if open.paused {
                return;
            }
            // Nothing tells how much came meanwhile, or that the end did, so read until the socket has no more.
            self.read(place, true);
        }
    }
}

/// The frames of a broadcast and of those to the same stage that wait directly behind it.
fn coalesce(
    stage: StageIndex,
    frames: &[Frame],
    replies: &mut Vec<tokio::sync::oneshot::Sender<Broadcast>>,
    commands: &mut VecDeque<Command>,
) -> Vec<Frame> {
    let mut together = frames.to_vec();
    while together.len() < COALESCED_FRAMES
        && matches!(commands.front(), Some(Command::Broadcast { stage: next, .. }) if *next == stage)
    {
        if let Some(Command::Broadcast { frames, reply, .. }) = commands.pop_front() {
            together.extend_from_slice(&frames);
            replies.push(reply);
        }
    }
    together
}
