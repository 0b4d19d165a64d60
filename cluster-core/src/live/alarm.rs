//! An alarm clock that keeps its word to some ten microseconds: the runtime's own timers round up to whole milliseconds.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::Waker,
    thread::{self, JoinHandle},
    time::Instant,
};

/// One alarm at a time. It rings by waking whoever waits.
#[derive(Debug)]
pub(super) struct Alarm {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    set: Mutex<Setting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Setting {
    /// When to ring whom.
    at: Option<(Instant, Waker)>,
    over: bool,
}

impl Alarm {
    /// Starts the clock's thread.
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new().name("faultline-alarm".to_owned()).spawn(move || own.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Rings at that moment instead of whenever it would have.
    pub(super) fn set(&self, at: Instant, whom: &Waker) {
        self.shared.lock().at = Some((at, whom.clone()));
        self.shared.changed.notify_one();
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It does nothing that could fail.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn run(&self) {
        be_punctual();
        let mut set = self.lock();
        while !set.over {
            let now = Instant::now();
            set = match &set.at {
                None => self.changed.wait(set).unwrap_or_else(PoisonError::into_inner),
                Some((at, _)) if *at > now => {
                    let left = *at - now;
                    self.changed.wait_timeout(set, left).unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    let due = set.at.take();
                    // Whoever is woken may set the next alarm at once.
                    drop(set);
                    if let Some((_, whom)) = due {
                        whom.wake();
                    }
                    self.lock()
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Setting> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Linux lets a thread's waits take 50 µs longer to save power, unless the thread asks for better.
#[cfg(target_os = "linux")]
fn be_punctual() {
    // A system that refuses only makes alarms less exact.
    let _less_exact = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// Elsewhere a wait is as exact as the system makes it.
#[cfg(not(target_os = "linux"))]
fn be_punctual() {}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Sender, channel},
        task::Wake,
        time::Duration,
    };

    use super::*;

    struct Bell(Mutex<Sender<Instant>>);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            let bell = self.0.lock().expect("no test panics with it");
            let _nobody_listens = bell.send(Instant::now());
        }
    }

    #[test]
    fn an_alarm_never_rings_early_and_the_earliest_setting_counts_live() {
        let (rings, heard) = channel();
        let bell = Waker::from(Arc::new(Bell(Mutex::new(rings))));
        let alarm = Alarm::start().expect("a thread");
        let began = Instant::now();
        alarm.set(began + Duration::from_secs(3600), &bell);
        let wanted = began + Duration::from_millis(2);
        alarm.set(wanted, &bell);
        let rang = heard.recv_timeout(Duration::from_secs(10)).expect("it rings");
        assert!(rang >= wanted);
    }

    #[test]
    fn a_dropped_alarm_leaves_no_thread_that_rings_live() {
        let (rings, heard) = channel();
        let alarm = Alarm::start().expect("a thread");
        alarm.set(Instant::now() + Duration::from_secs(3600), &Waker::from(Arc::new(Bell(Mutex::new(rings)))));
        drop(alarm);
        assert!(heard.recv_timeout(Duration::from_secs(10)).is_err());
    }
}
