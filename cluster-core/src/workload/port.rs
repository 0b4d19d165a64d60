//! What goes into a client, and what comes out of it.

use crate::{
    event::Outcome,
    ids::{LogIndex, NodeId, OpId},
    request::{Request, Response},
    spec::ClientSpec,
    time::Timestamp,
};

/// What a client receives.
#[derive(Clone, Debug)]
pub enum ClientInput {
    /// The cluster is there; the workload may begin.
    Start,
    /// A timer that was armed ran out.
    Timer(ClientToken),
    /// A node answered.
    Reply {
        /// Who answered.
        from: NodeId,
        /// Which operation.
        op: OpId,
        /// What.
        response: Response,
    },
    /// The request certainly did not reach the node: nobody listens there.
    Unreachable {
        /// Who was asked.
        node: NodeId,
        /// For which operation.
        op: OpId,
    },
    /// It works differently from here on; operations under way go on.
    Changed(ClientSpec),
    /// The members are, from here on, these.
    Members(Vec<NodeId>),
    /// One operation by hand, of this node and no other.
    Submit {
        /// Who is asked.
        node: NodeId,
        /// The operation.
        op: OpId,
        /// What is asked.
        request: Request,
    },
    /// One operation beside its workload, asked for in the same way.
    Ask {
        /// The operation.
        op: OpId,
        /// What is asked.
        request: Request,
    },
    /// The client goes; whatever is under way ends.
    Stop,
}

/// What a client asks for, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientOutput {
    /// Record that an operation began. Comes once for each operation, also for one by hand.
    Invoke {
        /// The operation.
        op: OpId,
        /// What is wanted.
        request: Request,
    },
    /// Send the request to that node.
    Ask {
        /// Who is asked.
        node: NodeId,
        /// The operation.
        op: OpId,
        /// What is asked.
        request: Request,
        /// The last log position that this client knows of, with a read; else 0.
        after: LogIndex,
    },
    /// Record that an operation ended. Comes once for each operation.
    Return {
        /// The operation.
        op: OpId,
        /// How it ended for the client.
        outcome: Outcome,
        /// Who answered, if anybody.
        node: Option<NodeId>,
    },
    /// Bring [`ClientInput::Timer`] with this token at that time.
    Arm {
        /// The token.
        token: ClientToken,
        /// When.
        at: Timestamp,
    },
}

/// One arming of a client's timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientToken(pub u64);

/// Numbers operations, over all clients of a run, from 1.
#[derive(Clone, Debug, Default)]
pub struct OpCounter(u64);

impl OpCounter {
    /// Returns a number that no operation had.
    #[expect(clippy::should_implement_trait, reason = "a counter that never ends is no iterator to loop over")]
    pub fn next(&mut self) -> OpId {
        self.0 += 1;
        OpId(self.0)
    }
}
