//! What the user meant. Views push actions; `App` carries them out after the frame, in one place.

use std::{collections::BTreeSet, path::PathBuf};

use cluster_core::{
    command::Command,
    fault::LinkId,
    ids::{ClientId, MsgId, NodeId, OpId, Seq},
    time::Timestamp,
    trace::Subject,
};

use crate::{guide::GuideAction, source::Start, tools::ToolAction, travel::TravelAction};

/// What the user meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Ask something of the cluster.
    Command(Command),
    /// End the run that is shown, and start this one.
    Start(Start),
    /// End the run that is shown, and show a recording, or a log of others.
    OpenFile(PathBuf),
    /// Let the file go that is being read.
    GiveUpReading,
    /// Show this in the inspector.
    Select(Selection),
    /// Move the cursor to a moment.
    Seek(Timestamp),
    /// Move the cursor to just after an event.
    SeekEvent(Seq),
    /// Show why something is so, as seen at the cursor.
    Why(Subject),
    /// Follow the end of the run.
    GoLive,
    /// Play recorded events, or stop playing them.
    TogglePlay,
    /// Play recorded events at this many cluster seconds a second.
    SetPlaySpeed(f64),
    /// Bring a view to the front, by its id.
    ShowView(&'static str),
    /// Arrange the views as on the first day.
    ResetLayout,
    /// Use the other theme.
    ToggleTheme,
    /// Magnify everything; 1 is normal.
    SetScale(f32),
    /// Show every motion as its end state.
    ToggleReducedMotion,
    /// Use a tool.
    Tool(ToolAction),
    /// Move in time, or between runs.
    Travel(TravelAction),
    /// Do something with a lab.
    Guide(GuideAction),
}

/// What is selected.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Selection {
    /// Nothing.
    #[default]
    Nothing,
    /// One or more nodes.
    Nodes(BTreeSet<NodeId>),
    /// A link; the direction is the one that was clicked.
    Link(LinkId),
    /// A frame, under way or not any more.
    Message(MsgId),
    /// A client.
    Client(ClientId),
    /// An operation.
    Op(OpId),
    /// An event.
    Event(Seq),
}

impl Selection {
    /// Selects one node.
    pub fn node(node: NodeId) -> Self {
        Self::Nodes(BTreeSet::from([node]))
    }

    /// Returns whether a node is among the selected.
    pub fn has_node(&self, node: NodeId) -> bool {
        matches!(self, Self::Nodes(nodes) if nodes.contains(&node))
    }
}
