//! Follows the goals of a phase on a thread of its own, from the events of the run; and shows how it is done, if asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use cluster_core::{
    command::{Author, Command},
    event::{EventKind, TraceEvent},
    ids::Seq,
    lab::{Action, Attempt, GoalState, Lab, LabProgress, Play, Schedule, Segment, SoFar, Verdict},
    time::{RATE_UNLIMITED, Timestamp, TimingProfile},
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

/// How many batches may wait for the thread; more are kept by who gives them.
const WAITING: usize = 64;
/// How often a demonstration, and what the lab does by itself, look whether it is time to go on.
const TICK: Duration = Duration::from_millis(10);

/// What is to be followed.
pub(super) struct Course {
    /// The lab.
    pub(super) lab: Arc<Lab>,
    /// Which of its phases.
    pub(super) phase: usize,
    /// The seed of the attempt.
    pub(super) seed: u64,
    /// The timing profile.
    pub(super) profile: TimingProfile,
    /// Until when the run is known: what the lab did by then is done.
    pub(super) since: Timestamp,
    /// The goal up to which it is to be shown how it is done; the learner's own phase shows nothing.
    pub(super) demo: Option<String>,
}

/// What is known of the goals so far.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    /// The first event that was not seen yet.
    pub(super) next: Seq,
    /// How far each goal is.
    pub(super) goals: Vec<GoalState>,
    /// How far those are that are not decided, by their ids.
    pub(super) so_far: BTreeMap<String, SoFar>,
    /// Whether all that count are met.
    pub(super) done: bool,
    /// The hints whose condition holds, by their place in the lab.
    pub(super) hints: Vec<usize>,
    /// What the answers to the questions of this phase are so far, and the event since which each is so.
    pub(super) answers: BTreeMap<String, (String, Seq)>,
    /// Whether the phase is over.
    pub(super) finished: bool,
    /// What the lab and the demonstration ask of the cluster, not taken yet.
    pub(super) commands: Vec<(Author, Command)>,
    /// Whether the demonstration is over, and why it did not come to its end, if so.
    pub(super) shown: Option<Result<(), String>>,
}

enum Ask {
    Events(Vec<TraceEvent>),
    Finish,
}

/// Follows the goals of one phase, until it is dropped.
pub(super) struct Watcher {
    to: Sender<Ask>,
    waiting: Vec<TraceEvent>,
    finish: bool,
    news: Arc<Mutex<News>>,
}

impl Watcher {
    /// Begins to follow a phase; `wake` is called when there is news.
    pub(super) fn start(course: Course, wake: impl Fn() + Send + 'static) -> Result<Self, String> {
        let (to, from) = bounded(WAITING);
        let news = Arc::new(Mutex::new(News::default()));
        let told = Arc::clone(&news);
        thread::Builder::new()
            .name("faultline-goals".to_owned())
            .spawn(move || follow(&course, &from, &told, &wake))
            .map_err(|error| format!("The goals cannot be followed: {error}; end other programs, and retry"))?;
        Ok(Self { to, waiting: Vec::new(), finish: false, news })
    }

    /// Takes events over. Never waits.
    pub(super) fn see(&mut self, events: &[TraceEvent]) {
        self.waiting.extend_from_slice(events);
        self.hand_over();
    }

    /// Ends the phase with the events seen so far.
    pub(super) fn finish(&mut self) {
        self.finish = true;
        self.hand_over();
    }

    /// Hands over what could not be before, and returns what is known.
    pub(super) fn news(&mut self) -> News {
        self.hand_over();
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let commands = std::mem::take(&mut news.commands);
        News { commands, ..news.clone() }
    }

    fn hand_over(&mut self) {
        if !self.waiting.is_empty() {
            match self.to.try_send(Ask::Events(std::mem::take(&mut self.waiting))) {
                Err(TrySendError::Full(Ask::Events(events))) => self.waiting = events,
                Ok(()) | Err(TrySendError::Full(Ask::Finish) | TrySendError::Disconnected(_)) => {}
            }
        }
        if self.finish && self.waiting.is_empty() && self.to.try_send(Ask::Finish).is_ok() {
            self.finish = false;
        }
    }
}

/// The thread: it owns what sees, and borrows the lab for as long.
fn follow(course: &Course, from: &Receiver<Ask>, told: &Mutex<News>, wake: &dyn Fn()) {
    let actions = if course.demo.is_some() { golden(&course.lab, course.phase) } else { Vec::new() };
    let attempt = Attempt { actions: Vec::new(), seed: course.seed, profile: course.profile };
    let segment = Segment { phase: course.phase, actions };
    let (_, play, progress) = attempt.begin(&course.lab, &segment);
    let mut schedule = Schedule::of(&course.lab, course.phase, course.seed, course.profile);
    schedule.skip_to(course.since);
    let mut follower =
        Follower { course, progress, play, schedule, news: News::default(), unseen: 0, last_event: Instant::now() };
    follower.look();
    loop {
        follower.tell(told, wake);
        let ask = if follower.acts() {
            match from.recv_timeout(TICK) {
                Err(RecvTimeoutError::Timeout) => None,
                Ok(ask) => Some(ask),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        } else {
            let Ok(ask) = from.recv() else { return };
            Some(ask)
        };
        match ask {
            Some(Ask::Events(events)) => follower.see(&events),
            Some(Ask::Finish) => follower.finish(),
            None => {}
        }
        follower.act();
    }
}

/// Returns what the golden script does in a phase.
fn golden(lab: &Lab, phase: usize) -> Vec<Action> {
    let actions = lab.script("golden").map(|script| script.actions.clone()).unwrap_or_default();
    let attempt = Attempt { actions, seed: 0, profile: TimingProfile::default() };
    attempt.segments().into_iter().find(|segment| segment.phase == phase).map_or(Vec::new(), |segment| segment.actions)
}

struct Follower<'a> {
    course: &'a Course,
    progress: LabProgress<'a>,
    play: Play,
    schedule: Schedule,
    news: News,
    /// How many commands were not seen to be asked yet.
    unseen: usize,
    last_event: Instant,
}

impl Follower<'_> {
    fn see(&mut self, events: &[TraceEvent]) {
        for event in events {
            self.progress.see(event);
            self.news.next = event.seq.next();
            match event.kind {
                // Traffic alone answers nothing.
                EventKind::FrameSent { .. } | EventKind::FrameDelivered { .. } => {}
                EventKind::CommandIssued { .. } => {
                    self.unseen = self.unseen.saturating_sub(1);
                    self.answer(event.seq);
                }
                _ => self.answer(event.seq), // anything else may
            }
        }
        self.last_event = Instant::now();
        self.look();
    }

    fn answer(&mut self, seq: Seq) {
        for (ask, answer) in self.progress.answers() {
            let known = self.news.answers.get(&ask).is_some_and(|(known, _)| *known == answer);
            if !known {
                self.news.answers.insert(ask, (answer, seq));
            }
        }
    }

    fn look(&mut self) {
        self.news.goals = self.progress.goals();
        self.news.so_far = self.progress.so_far().into_iter().collect();
        self.news.done = self.progress.is_done();
        let hints = self.course.lab.hints.iter().enumerate();
        let holds =
            |hint: &cluster_core::lab::Hint| hint.when.as_ref().is_some_and(|when| self.progress.holds(when, &[]));
        self.news.hints = hints.filter(|(_, hint)| holds(hint)).map(|(at, _)| at).collect();
    }

    fn finish(&mut self) {
        self.progress.finish();
        self.look();
        self.news.finished = true;
    }

    /// Returns whether anything is still to be asked of the cluster.
    fn acts(&self) -> bool {
        let over = self.news.finished || self.schedule.is_over();
        !over || self.course.demo.is_some() && self.news.shown.is_none()
    }

    /// Asks of the cluster what is due: what the lab does by itself, and the next thing that a demonstration shows.
    fn act(&mut self) {
        let now = self.now();
        let upto = self.course.demo.as_ref().filter(|_| self.news.shown.is_none());
        let met = |goal: &GoalState| upto.is_some_and(|upto| goal.id == *upto) && goal.verdict == Verdict::Met;
        let met = self.news.goals.iter().any(met);
        while self.unseen == 0 && !self.news.finished {
            let due = self.schedule.next(now, &self.progress).map(|commands| (Author::Lab, commands));
            // The golden script acts, as it does without a window; its goals are followed on this cluster only.
            let shows = due.is_none() && upto.is_some() && !met;
            let shown = if shows { self.play.next(now, &self.progress) } else { None };
            let Some((by, commands)) = due.or(shown.map(|commands| (Author::Script, commands))) else { break };
            self.unseen = commands.len();
            self.news.commands.extend(commands.into_iter().map(|command| (by, command)));
        }
        if upto.is_some() && (met || self.play.is_over()) {
            self.news.shown = Some(self.play.stuck().map_or(Ok(()), |stuck| Err(stuck.to_owned())));
        }
    }

    /// Returns cluster time as it goes on between two events; in a cluster that is paused it stands still.
    fn now(&self) -> Timestamp {
        let state = self.progress.state();
        let rate = if state.rate < RATE_UNLIMITED { state.rate.max(0.0) } else { 0.0 };
        state.at + self.last_event.elapsed().mul_f64(rate)
    }

    fn tell(&mut self, told: &Mutex<News>, wake: &dyn Fn()) {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut commands = std::mem::take(&mut told.commands);
        let goals = told.goals != self.news.goals || told.so_far != self.news.so_far;
        let news = !self.news.commands.is_empty() || goals || told.hints != self.news.hints;
        let ends = told.finished != self.news.finished || told.shown != self.news.shown || told.done != self.news.done;
        commands.append(&mut self.news.commands);
        *told = News { commands, ..self.news.clone() };
        drop(told);
        if news || ends {
            wake();
        }
    }
}
