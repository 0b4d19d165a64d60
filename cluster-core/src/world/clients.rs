//! Clients: the load they make, the operations they record.

use super::{Backend, World, queue::Due};
use crate::{
    event::{EventKind, Outcome},
    ids::{ClientId, Endpoint, NodeId, OpId, Seq},
    request::{Request, Response},
    spec::ClientSpec,
    time::Timestamp,
    workload::{Client, ClientInput, ClientOutput, ClientToken, wire},
};

/// The user's own hand.
pub(super) const HAND: ClientId = ClientId(0);

/// A place for a client.
pub(super) struct ClientSlot {
    machine: Client,
    /// The events by which its open operations began.
    invoked: std::collections::BTreeMap<OpId, Seq>,
}

impl<B: Backend> World<B> {
    /// Lets a client begin, or gives the one of that id another workload.
    pub(super) fn start_client(&mut self, now: Timestamp, spec: ClientSpec) {
        let client = spec.id;
        if self.clients.contains_key(&client) {
            return self.step_client(now, None, client, ClientInput::Changed(spec));
        }
        self.add_client(client, Some(spec));
        self.step_client(now, None, client, ClientInput::Start);
    }

    /// Takes a client away.
    pub(super) fn stop_client(&mut self, now: Timestamp, client: ClientId) {
        self.step_client(now, None, client, ClientInput::Stop);
        self.clients.remove(&client);
    }

    /// Asks one node for one operation, by hand.
    pub(super) fn submit(&mut self, now: Timestamp, cause: Seq, node: NodeId, request: Request) {
        if !self.clients.contains_key(&HAND) {
            self.add_client(HAND, None);
        }
        let op = self.ops.next();
        self.step_client(now, Some(cause), HAND, ClientInput::Submit { node, op, request });
    }

    /// Lets a client of the cluster ask for one operation.
    pub(super) fn ask_as(
        &mut self,
        now: Timestamp,
        cause: Seq,
        client: ClientId,
        request: Request,
    ) -> Result<(), String> {
        if client == HAND || !self.clients.contains_key(&client) {
            return Err(format!("there is no client {client}"));
        }
        if !self.row.serves_clients {
            return Err(self.nothing_to_ask());
        }
        let op = self.ops.next();
        self.step_client(now, Some(cause), client, ClientInput::Ask { op, request });
        Ok(())
    }

    /// Tells every client who the nodes are.
    pub(super) fn tell_clients(&mut self, now: Timestamp) {
        let nodes: Vec<NodeId> = self.nodes.nodes().collect();
        for client in self.clients.keys().copied().collect::<Vec<_>>() {
            self.step_client(now, None, client, ClientInput::Members(nodes.clone()));
        }
    }

    pub(super) fn client_timer(&mut self, now: Timestamp, client: ClientId, token: ClientToken) {
        self.step_client(now, None, client, ClientInput::Timer(token));
    }

    pub(super) fn client_reply(
        &mut self,
        now: Timestamp,
        cause: Seq,
        client: ClientId,
        from: NodeId,
        op: OpId,
        response: Response,
    ) {
        self.step_client(now, Some(cause), client, ClientInput::Reply { from, op, response });
    }

    pub(super) fn client_refused(&mut self, now: Timestamp, cause: Seq, client: ClientId, node: NodeId, op: OpId) {
        self.step_client(now, Some(cause), client, ClientInput::Unreachable { node, op });
    }

    fn add_client(&mut self, client: ClientId, spec: Option<ClientSpec>) {
        let nodes = self.nodes.nodes().collect();
        let machine = Client::new(client, spec, nodes, self.spec.seed);
        self.clients.insert(client, ClientSlot { machine, invoked: std::collections::BTreeMap::new() });
    }

    fn step_client(&mut self, now: Timestamp, cause: Option<Seq>, client: ClientId, input: ClientInput) {
        let mut outputs = Vec::new();
        let Some(slot) = self.clients.get_mut(&client) else { return };
        slot.machine.step(now, input, &mut self.ops, &mut outputs);
        for output in outputs {
            match output {
                ClientOutput::Invoke { op, request } => {
                    let seq = self.record(now, cause, EventKind::OpInvoked { op, client, request });
                    self.with_client(client, |slot| {
                        slot.invoked.insert(op, seq);
                    });
                }
                ClientOutput::Ask { node, op, request, after } => {
                    let began = self.clients.get(&client).and_then(|slot| slot.invoked.get(&op)).copied();
                    let (info, payload) = (wire::request_info(&request), wire::encode_request(op, &request, after));
                    let ends = (Endpoint::Client(client), Endpoint::Node(node));
                    self.send(now, cause.or(began), ends, info, payload, Some(op));
                }
                ClientOutput::Return { op, outcome, node } => self.returned(now, cause, client, op, outcome, node),
                ClientOutput::Arm { token, at } => self.queue.push(at, Due::Client { client, token }),
            }
        }
    }

    fn returned(
        &mut self,
        now: Timestamp,
        cause: Option<Seq>,
        client: ClientId,
        op: OpId,
        outcome: Outcome,
        node: Option<NodeId>,
    ) {
        let mut began = None;
        self.with_client(client, |slot| began = slot.invoked.remove(&op));
        self.record(now, cause.or(began), EventKind::OpReturned { op, outcome, node });
    }

    fn with_client(&mut self, client: ClientId, change: impl FnOnce(&mut ClientSlot)) {
        if let Some(slot) = self.clients.get_mut(&client) {
            change(slot);
        }
    }
}
