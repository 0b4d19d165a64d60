//! The frames that were sent and have not ended yet, by number.

use std::collections::{BTreeMap, VecDeque};

use super::frames::InFlight;
use crate::ids::MsgId;

/// How far back the row of the latest frames reaches.
const LATEST_MAX: usize = 1 << 14;

/// Numbers only grow, and most frames end soon: the latest stand in a row, where one is found without a search. The few
/// that last longer move to a tree.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    /// The number of the first in the row.
    first: u64,
    latest: VecDeque<Option<InFlight>>,
    older: BTreeMap<MsgId, InFlight>,
}

impl UnderWay {
    /// Adds a frame, whose number must be higher than all before it.
    pub(super) fn insert(&mut self, msg: MsgId, frame: InFlight) {
        if self.latest.is_empty() {
            self.first = msg.0;
        }
        debug_assert!(msg.0 >= self.first + self.latest.len() as u64, "{msg} was sent before");
        while self.first + (self.latest.len() as u64) < msg.0 {
            self.latest.push_back(None);
        }
        self.latest.push_back(Some(frame));
        if self.latest.len() > LATEST_MAX {
            if let Some(Some(frame)) = self.latest.pop_front() {
                self.older.insert(MsgId(self.first), frame);
            }
            self.first += 1;
        }
    }

    pub(super) fn get(&self, msg: MsgId) -> Option<&InFlight> {
        match msg.0.checked_sub(self.first) {
            Some(place) => self.latest.get(usize::try_from(place).ok()?)?.as_ref(),
            None => self.older.get(&msg),
        }
    }

    pub(super) fn remove(&mut self, msg: MsgId) -> Option<InFlight> {
        let Some(place) = msg.0.checked_sub(self.first) else { return self.older.remove(&msg) };
        let frame = self.latest.get_mut(usize::try_from(place).ok()?)?.take();
        while let Some(None) = self.latest.front() {
            self.latest.pop_front();
            self.first += 1;
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Family, MessageInfo},
        ids::Seq,
        name::Name,
    };

    fn frame(sent: u64) -> InFlight {
        let info = MessageInfo { name: Name::new("Hello"), family: Family::Control, refuses: false };
        InFlight { sent: Seq(sent), info, ask: None }
    }

    #[test]
    fn a_frame_is_found_until_it_ends_however_many_were_sent_since() {
        let mut under_way = UnderWay::default();
        let sent = |frame: Option<InFlight>| frame.map(|frame| frame.sent.0);
        let count = 3 * LATEST_MAX as u64;
        for msg in 1..=count {
            under_way.insert(MsgId(msg), frame(msg));
            // Only every thousandth stays.
            if msg % 1000 != 0 {
                assert_eq!(sent(under_way.remove(MsgId(msg))), Some(msg));
                assert_eq!(sent(under_way.remove(MsgId(msg))), None);
            }
        }
        for msg in 1..=count {
            let expected = (msg % 1000 == 0).then_some(msg);
            assert_eq!(sent(under_way.get(MsgId(msg)).copied()), expected);
            assert_eq!(sent(under_way.remove(MsgId(msg))), expected);
        }
        assert_eq!((under_way.latest.len(), under_way.older.len()), (0, 0));
        assert!(under_way.get(MsgId(count + 1)).is_none());
    }
}
