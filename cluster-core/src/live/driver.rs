//! The loop that owns a live cluster: hands in what came, lets happen what is due, then waits.

use std::{
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{Receiver, UnboundedReceiver};

use super::{
    alarm::Alarm,
    backend::LiveBackend,
    disk_thread::DiskNews,
    door::Doors,
    wire::{News, Wire},
};
use crate::{
    command::{Author, Command},
    event::NodeFailure,
    time::{ClusterClock, Timestamp},
    trace::Asked,
    world::{ClockRequest, Frame, World},
};

/// What the outside asks of a session.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Carry out a command.
    Command(Author, Command),
    /// Stop everything.
    Finish,
}

/// The longest time that a recorded event waits to be handed on.
const RECORDER_PACE: Duration = Duration::from_millis(8);
/// How many rounds of things due at the same moment are run before sockets are looked at again.
const ROUNDS_MAX: usize = 16;
/// How long a step waits for a frame or a sync that is under way before it lets a timer run out.
const STEP_PATIENCE: Duration = Duration::from_millis(50);

/// A live cluster and its clock.
pub(super) struct Driver {
    world: World<LiveBackend>,
    wire: Rc<Wire>,
    doors: Rc<Doors>,
    asks: Receiver<Ask>,
    /// What was asked and not answered yet.
    asked: VecDeque<Ask>,
    /// What was asked in an earlier run and is to be asked again, each when its time has come.
    again: VecDeque<Asked>,
    disks: UnboundedReceiver<DiskNews>,
    /// What the disks said and no node heard yet.
    synced: VecDeque<DiskNews>,
    clock: ClusterClock,
    began: Instant,
    /// The memory of the last mail, for the next.
    mail: VecDeque<Frame>,
    /// Steps that were asked for and not made yet, and since when the first of them waits.
    steps: u32,
    step_since: Instant,
    alarm: Alarm,
    alarm_at: Option<Instant>,
    handed_on: Instant,
}

impl Driver {
    pub(super) fn new(
        world: World<LiveBackend>,
        wire: Rc<Wire>,
        doors: Rc<Doors>,
        asks: Receiver<Ask>,
        again: VecDeque<Asked>,
        disks: UnboundedReceiver<DiskNews>,
        alarm: Alarm,
    ) -> Self {
        let began = Instant::now();
        Self {
            world,
            wire,
            doors,
            asks,
            asked: VecDeque::new(),
            again,
            disks,
            synced: VecDeque::new(),
            clock: ClusterClock::default(),
            began,
            mail: VecDeque::new(),
            steps: 0,
            step_since: began,
            alarm,
            alarm_at: None,
            handed_on: began,
        }
    }

    /// Runs the cluster until it is asked to finish.
    pub(super) async fn run(mut self) {
        self.world.start(self.now());
        loop {
            self.turn();
            self.pace_recorder();
            poll_fn(|cx| self.wait(cx)).await;
            if self.answer() == Answer::Finish {
                break;
            }
        }
        let now = self.now();
        self.world.shutdown(now);
    }

    fn now(&self) -> Timestamp {
        self.clock.now(self.began.elapsed())
    }

    /// Carries out what was asked.
    fn answer(&mut self) -> Answer {
        while let Some(ask) = self.asked.pop_front() {
            match ask {
                Ask::Finish => return Answer::Finish,
                Ask::Command(by, command) => {
                    self.world.command(self.now(), by, command);
                    if let Some(request) = self.world.take_clock_request() {
                        self.set_clock(request);
                    }
                }
            }
        }
        Answer::GoOn
    }

    fn set_clock(&mut self, request: ClockRequest) {
        let real = self.began.elapsed();
        let before = self.pace();
        match request {
            ClockRequest::Pause => self.clock.pause(real),
            ClockRequest::Resume => self.clock.resume(real),
            ClockRequest::Rate(rate) => self.clock.set_rate(rate, real),
            ClockRequest::Step if self.clock.paused() => {
                if self.steps == 0 {
                    self.step_since = Instant::now();
                }
                self.steps += 1;
            }
            ClockRequest::Step => {}
        }
        if !self.clock.paused() {
            self.steps = 0;
        }
        self.wire.set_paused(self.clock.paused());
        self.alarm_at = None;
        if self.pace() != before {
            self.world.clock_changed(self.now(), self.pace());
        }
    }

    /// Returns cluster seconds per real second; 0 while time stands still.
    fn pace(&self) -> f64 {
        if self.clock.paused() { 0.0 } else { self.clock.rate() }
    }

    /// Lets happen what can happen.
    fn turn(&mut self) {
        self.take_news();
        if self.clock.paused() {
            return self.step();
        }
        let now = self.now();
        self.ask_again(now);
        self.take_synced(now);
        let mut mail = self.wire.take_mail(std::mem::take(&mut self.mail));
        for frame in mail.drain(..) {
            self.world.arrived(now, frame);
        }
        self.mail = mail;
        self.doors.serve(&mut self.world, now, usize::MAX);
        for _ in 0..ROUNDS_MAX {
            self.world.run_due(now);
            self.world.end_burst(now);
            if self.world.next_due().is_none_or(|at| at > now) {
                break;
            }
        }
        self.doors.answer(&mut self.world, now);
    }

    fn ask_again(&mut self, now: Timestamp) {
        while let Some(asked) = self.again.pop_front_if(|asked| asked.at <= now) {
            self.world.command(now, asked.by, asked.command);
        }
    }

    fn take_synced(&mut self, now: Timestamp) {
        while let Some(news) = self.synced.pop_front() {
            self.hear_disk(now, news);
        }
    }

    fn hear_disk(&mut self, now: Timestamp, news: DiskNews) {
        match news.outcome {
            Ok(sync) => self.world.synced(now, news.node, news.incarnation, sync),
            Err(why) if self.world.backend_mut().is_current(news.node, news.incarnation) => {
                self.world.node_failed(now, news.node, NodeFailure::Disk(why));
            }
            // The process that it concerned is gone already.
            Err(_) => {}
        }
    }

    fn take_news(&mut self) {
        let now = self.now();
        self.doors.tell_rejected(&mut self.world, now);
        let news = self.wire.take_news();
        if news.is_empty() {
            return;
        }
        for news in news {
            match news {
                News::Opened(from, to) => self.world.connection_opened(now, from, to),
                News::PeerLost(from, to) => self.world.peer_lost(now, from, to),
                News::Lost(msg, reason) => self.world.lost(now, msg, reason),
                News::Rejected(node, reason) => self.world.rejected(now, node, reason),
            }
        }
        self.world.end_burst(now);
    }

    /// While time stands still: lets one thing happen for each step that was asked for. What is under way already
    /// comes first, then what is due next.
    fn step(&mut self) {
        while self.steps > 0 {
            let now = self.now();
            self.world.flush_recorder();
            if let Some(news) = self.synced.pop_front() {
                self.hear_disk(now, news);
                self.world.end_burst(now);
            } else if let Some(frame) = self.wire.take_frame() {
                self.world.arrived(now, frame);
                self.world.end_burst(now);
            } else if self.doors.serve(&mut self.world, now, 1) > 0 {
                self.world.end_burst(now);
            } else if self.wire.something_under_way() && self.step_since.elapsed() < STEP_PATIENCE {
                return;
            } else if let Some(at) = self.world.next_due() {
                self.clock.step_to(at);
                self.world.run_one(Timestamp::ZERO);
            } else {
                self.steps = 0;
            }
            // A frame that leaves its link, or a timer that was set anew, is nothing to look at.
            if self.world.events_waiting() > 0 {
                self.steps = self.steps.saturating_sub(1);
                self.step_since = Instant::now();
            }
        }
        let now = self.now();
        self.doors.answer(&mut self.world, now);
    }

    /// Hands recorded events on: at once if the last time is long enough ago, otherwise soon.
    fn pace_recorder(&mut self) {
        if self.world.events_waiting() > 0 && self.handed_on.elapsed() >= RECORDER_PACE {
            self.world.flush_recorder();
            self.handed_on = Instant::now();
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut ready = false;
        while let Poll::Ready(ask) = self.asks.poll_recv(cx) {
            // Whoever asked is gone: there is nobody to run the cluster for.
            let ended = ask.is_none();
            self.asked.push_back(ask.unwrap_or(Ask::Finish));
            ready = true;
            if ended {
                break;
            }
        }
        while let Poll::Ready(Some(news)) = self.disks.poll_recv(cx) {
            self.synced.push_back(news);
        }
        let running = !self.clock.paused();
        ready |= (running || self.steps > 0) && !self.synced.is_empty();
        ready |= self.wire.poll(cx, running || self.steps > 0);
        ready |= self.doors.poll(cx, running || self.steps > 0);
        if ready || self.poll_alarm(cx) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Returns whether it is time for something.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(wanted) = self.next_alarm() else { return false };
        let now = Instant::now();
        if self.alarm_at.is_some_and(|set| set <= now) {
            self.alarm_at = None;
        }
        if wanted <= now {
            return true;
        }
        // An alarm that rings too early does no harm, and setting one anew is dear.
        if self.alarm_at.is_none_or(|set| set > wanted) {
            self.alarm_at = Some(wanted);
            self.alarm.set(wanted, cx.waker());
        }
        false
    }

    fn next_alarm(&self) -> Option<Instant> {
        let real = self.began.elapsed();
        let again = self.again.front().map(|asked| asked.at);
        let due = self.world.next_due().into_iter().chain(again).min().and_then(|at| self.clock.real_until(at, real));
        let due = due.map(|left| self.began + real + left);
        let recorder = (self.world.events_waiting() > 0).then(|| self.handed_on + RECORDER_PACE);
        let step = (self.steps > 0).then(|| self.step_since + STEP_PATIENCE);
        [due, recorder, step].into_iter().flatten().min()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    GoOn,
    Finish,
}
