//! Events in words, with the ends of the frame they are about: arrivals and drops do not carry them.

use cluster_core::{
    event::{EventKind, TraceEvent},
    trace::{TraceStore, line},
};

/// Returns the text of an event as tables show it and searches read it.
pub fn text(store: &TraceStore, event: &TraceEvent) -> String {
    let frame = |end: &str| match sent(store, event).map(|event| event.kind) {
        Some(EventKind::FrameSent { from, to, info, .. }) => format!("{from} → {to} {} {end}", info.name),
        _ => line(&event.kind), // The cause is no sending: the recording does not know where.
    };
    match &event.kind {
        EventKind::FrameDelivered { .. } => frame("arrived"),
        EventKind::LinkActed { acts, .. } => {
            let acts: Vec<_> = acts.iter().map(|act| act.words()).collect();
            frame(&format!("(the link {})", acts.join(", ")))
        }
        EventKind::FrameDropped { reason, .. } => frame(&format!("dropped: {}", reason.words())),
        kind => line(kind),
    }
}

/// Returns the sending of a frame that arrived or was dropped.
pub fn sent(store: &TraceStore, event: &TraceEvent) -> Option<TraceEvent> {
    store.event(event.cause?)
}
