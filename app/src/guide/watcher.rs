//! Follows the goals of a phase on a thread of its own, from the events of the run; and shows how it is done, if asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use cluster_core::{
    command::Command,
    event::{EventKind, TraceEvent},
    ids::Seq,
    lab::{Action, Attempt, GoalState, Lab, LabProgress, Play, Segment, SoFar, Verdict},
    time::TimingProfile,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

/// How many batches may wait for the thread; more are kept by who gives them.
const WAITING: usize = 64;
/// How often a demonstration looks whether it is time to go on.
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
    /// What the demonstration asks of the cluster, not taken yet.
    pub(super) commands: Vec<Command>,
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
    let mut follower =
        Follower { course, progress, play, news: News::default(), unseen: 0, last_event: Instant::now() };
    follower.look();
    loop {
        follower.tell(told, wake);
        let ask = if follower.demonstrates() {
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
    news: News,
    /// How many commands of the demonstration were not seen to be asked yet.
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

    fn demonstrates(&self) -> bool {
        self.course.demo.is_some() && self.news.shown.is_none()
    }

    /// Goes on with the demonstration, if there is one.
    fn act(&mut self) {
        let Some(upto) = self.course.demo.as_ref().filter(|_| self.news.shown.is_none()) else { return };
        let met = self.news.goals.iter().any(|goal| goal.id == *upto && goal.verdict == Verdict::Met);
        let now = self.progress.state().at + self.last_event.elapsed();
        while self.unseen == 0
            && !met
            && let Some(commands) = self.play.next(now, &self.progress)
        {
            self.unseen = commands.len();
            self.news.commands.extend(commands);
        }
        if met || self.play.is_over() {
            self.news.shown = Some(self.play.stuck().map_or(Ok(()), |stuck| Err(stuck.to_owned())));
        }
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
