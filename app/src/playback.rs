//! Where in the run the window looks: at its end, or at a cursor that stands or moves.

use std::time::Duration;

use cluster_core::{
    ids::Seq,
    time::{RATE_UNLIMITED, Timestamp},
    trace::{ClusterState, TraceStore},
};

/// The moment that all views show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cursor {
    /// Whether the cursor is pinned to the end of the run.
    pub live: bool,
    /// The state shown is the fold of all events before this one.
    pub next: Seq,
    /// The moment shown: not before the last event shown, not after the next one.
    pub at: Timestamp,
    /// Whether recorded events are being played.
    pub playing: bool,
    /// Cluster seconds a second while playing.
    pub speed: f64,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { live: true, next: Seq(0), at: Timestamp::ZERO, playing: false, speed: 1.0 }
    }
}

/// Moves the cursor, and keeps the state it shows.
#[derive(Default)]
pub struct Playback {
    cursor: Cursor,
    clock: DrawingClock,
    shown: ClusterState,
    last_real: Option<f64>,
    /// Whether the cluster goes as fast as the machine does.
    races: bool,
    /// The stretch that is played over and over.
    span: Option<(Timestamp, Timestamp)>,
}

/// Guesses cluster time between two batches of events.
///
/// An event cannot arrive before it happened, so cluster time is never earlier than the latest arrival says. Keeping
/// the earliest arrival since the clock changed its rate makes the guess even, however the batches come.
#[derive(Clone, Copy, Debug, Default)]
struct DrawingClock {
    rate: f64,
    /// Cluster time minus `rate` times real time, in seconds.
    offset: Option<f64>,
}

impl DrawingClock {
    fn observe(&mut self, rate: f64, end: Timestamp, real: f64) {
        let offset = end.as_secs_f64() - rate * real;
        if self.rate == rate {
            self.offset = Some(self.offset.map_or(offset, |known| known.max(offset)));
        } else {
            *self = Self { rate, offset: Some(offset) };
        }
    }

    fn now(&self, end: Timestamp, real: f64) -> Timestamp {
        match self.offset {
            Some(offset) if self.rate > 0.0 => Timestamp::from_secs_f64(offset + self.rate * real).max(end),
            Some(_) | None => end,
        }
    }
}

impl Playback {
    /// Starts at the end of a run that goes on, or at the beginning of one that is over.
    pub fn new(live: bool, store: &TraceStore) -> Self {
        let cursor = Cursor { live, playing: !live, ..Cursor::default() };
        Self { cursor, shown: ClusterState::before(store.spec()), ..Self::default() }
    }

    /// Returns the cursor.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Returns the state at the cursor.
    pub fn state<'a>(&'a self, store: &'a TraceStore) -> &'a ClusterState {
        if self.cursor.live { store.latest() } else { &self.shown }
    }

    /// Lets `real` seconds since the start of the program be now; `grows` says whether a cluster still runs.
    pub fn advance(&mut self, store: &TraceStore, real: f64, arrived: bool, grows: bool) {
        let passed = real - self.last_real.replace(real).unwrap_or(real);
        let rate = if grows { store.latest().rate } else { 0.0 };
        // Nobody can guess how fast a machine is: the picture follows the events.
        self.races = rate >= RATE_UNLIMITED;
        let (rate, end) = (if self.races { 0.0 } else { rate }, store.end());
        if arrived || self.clock.rate != rate {
            self.clock.observe(rate, end, real);
        }
        if self.cursor.playing && !self.cursor.live {
            self.play(store, passed, grows);
        }
        if self.cursor.live {
            self.cursor.next = store.len();
            self.cursor.at = self.clock.now(end, real);
        }
    }

    /// Moves the cursor to a moment.
    pub fn seek(&mut self, store: &TraceStore, at: Timestamp) {
        let at = at.min(store.end());
        self.show(store, store.seq_at(at), at);
    }

    /// Moves the cursor to just after an event.
    pub fn seek_event(&mut self, store: &TraceStore, seq: Seq) {
        let Some(event) = store.event(Seq(seq.0.min(store.len().0.saturating_sub(1)))) else { return };
        self.show(store, event.seq.next(), event.at);
    }

    /// Moves the cursor to a moment of which the number of its next event is known, too.
    pub fn seek_moment(&mut self, store: &TraceStore, next: Seq, at: Timestamp) {
        self.show(store, next.min(store.len()), at.min(store.end()));
    }

    /// Plays a stretch over and over from here on, or the whole run once. A stretch begins to play at once.
    pub fn set_span(&mut self, store: &TraceStore, span: Option<(Timestamp, Timestamp)>) {
        self.span = span.map(|(from, to)| (from.min(to), from.max(to).min(store.end())));
        if let Some((from, _)) = self.span {
            self.seek(store, from);
            self.cursor.playing = true;
        }
    }

    /// Returns the stretch that is played over and over, if there is one.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    /// Follows the end of the run.
    pub fn go_live(&mut self) {
        (self.cursor.live, self.cursor.playing) = (true, false);
    }

    /// Plays recorded events, or stops playing them; at the end, plays from the beginning.
    pub fn toggle_play(&mut self, store: &TraceStore) {
        if self.cursor.live || self.cursor.next == store.len() {
            self.seek(store, Timestamp::ZERO);
        }
        self.cursor.playing = !self.cursor.playing;
    }

    /// Plays at this many cluster seconds a second.
    pub fn set_speed(&mut self, speed: f64) {
        self.cursor.speed = speed;
    }

    /// Returns whether the picture changes by itself.
    pub fn moves(&self) -> bool {
        if self.cursor.live { self.clock.rate > 0.0 || self.races } else { self.cursor.playing }
    }

    fn play(&mut self, store: &TraceStore, passed: f64, grows: bool) {
        let at = self.cursor.at + Duration::from_secs_f64((passed * self.cursor.speed).max(0.0));
        let over = self.span.filter(|(from, to)| self.cursor.at >= *from && at >= *to);
        if let Some((from, _)) = over {
            self.show(store, store.seq_at(from), from);
            self.cursor.playing = true;
        } else if at < store.end() {
            self.show(store, store.seq_at(at), at);
            self.cursor.playing = true;
        } else if grows {
            self.go_live();
        } else {
            self.show(store, store.len(), store.end());
        }
    }

    fn show(&mut self, store: &TraceStore, next: Seq, at: Timestamp) {
        /// Folding this many events costs less than copying a checkpoint.
        const NEAR: u64 = 2048;
        let from = self.shown.next;
        if next < from || next.0 - from.0 > NEAR {
            self.shown = store.state_at(next);
        } else {
            store.events(from..next).iter().for_each(|event| self.shown.apply(event));
        }
        self.cursor = Cursor { live: false, next, at, playing: false, speed: self.cursor.speed };
    }
}

#[cfg(test)]
mod tests {
    use cluster_core::{event::EventKind, event::TraceEvent, ids::NodeId, spec::ClusterSpec};

    use super::*;

    fn store(millis: &[u64]) -> TraceStore {
        let mut store = TraceStore::new(ClusterSpec::default());
        let kind = || EventKind::NodeFroze { node: NodeId(1) };
        let event = |(seq, at): (usize, &u64)| TraceEvent {
            seq: Seq(seq as u64),
            at: Timestamp(at * 1_000_000),
            cause: None,
            kind: kind(),
        };
        store.append(millis.iter().enumerate().map(event).collect());
        store
    }

    #[test]
    fn while_live_time_goes_on_evenly_between_two_batches() {
        let (mut playback, store) = (Playback::new(true, &store(&[0, 1000])), store(&[0, 1000]));
        playback.advance(&store, 10.0, true, true);
        assert_eq!(playback.cursor().at, Timestamp::from_secs_f64(1.0));
        playback.advance(&store, 10.25, false, true);
        assert_eq!(playback.cursor().at, Timestamp::from_secs_f64(1.25));
        // A batch that came late says nothing new about the time.
        playback.advance(&store, 10.5, true, true);
        assert_eq!(playback.cursor().at, Timestamp::from_secs_f64(1.5));
    }

    #[test]
    fn while_paused_the_picture_stands_still() {
        let mut store = store(&[0, 1000]);
        let kind = EventKind::ClockChanged { rate: 0.0 };
        store.append(vec![TraceEvent { seq: Seq(2), at: Timestamp(1_100_000_000), cause: None, kind }]);
        let mut playback = Playback::new(true, &store);
        playback.advance(&store, 10.0, true, true);
        playback.advance(&store, 11.0, false, true);
        assert_eq!(playback.cursor().at, Timestamp(1_100_000_000));
        assert!(!playback.moves());
    }

    #[test]
    fn playing_shows_events_when_their_time_has_come_and_ends_with_the_recording() {
        let store = store(&[0, 1000, 2000]);
        let mut playback = Playback::new(false, &store);
        playback.advance(&store, 5.0, true, false);
        playback.advance(&store, 5.5, false, false);
        assert_eq!((playback.cursor().next, playback.cursor().playing), (Seq(1), true));
        playback.advance(&store, 9.0, false, false);
        assert_eq!((playback.cursor().next, playback.cursor().playing), (Seq(3), false));
        assert_eq!(playback.state(&store), store.latest());
    }

    #[test]
    fn a_stretch_is_played_over_and_over_until_it_is_given_up() {
        let store = store(&[0, 1000, 2000, 3000]);
        let mut playback = Playback::new(false, &store);
        playback.set_span(&store, Some((Timestamp::from_secs_f64(2.0), Timestamp::from_secs_f64(1.0))));
        playback.advance(&store, 0.0, true, false);
        playback.advance(&store, 0.75, false, false);
        assert_eq!(playback.cursor().at, Timestamp::from_secs_f64(1.75));
        playback.advance(&store, 1.25, false, false);
        assert_eq!((playback.cursor().at, playback.cursor().playing), (Timestamp::from_secs_f64(1.0), true));
        playback.set_span(&store, None);
        playback.advance(&store, 2.75, false, false);
        assert_eq!(playback.cursor().at, Timestamp::from_secs_f64(2.5));
    }

    #[test]
    fn seeking_back_and_forth_shows_the_fold_of_exactly_the_events_before() {
        let store = store(&[0, 1000, 2000]);
        let mut playback = Playback::new(true, &store);
        for at in [1500, 2000, 0, 999, 1000] {
            let at = Timestamp(at * 1_000_000);
            playback.seek(&store, at);
            assert_eq!(playback.state(&store), &store.state_at(store.seq_at(at)));
        }
        playback.seek_event(&store, Seq(2));
        assert_eq!(playback.cursor().next, Seq(3));
    }
}
