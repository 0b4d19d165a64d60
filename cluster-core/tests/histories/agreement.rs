//! Random histories, judged by an independent checker as well: the testers of stateright.

use cluster_core::check::{Budget, Datum, Ending, Function, Model, linearizable};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use super::random::{Event, Register, draw, history};

/// The object as stateright knows it.
#[derive(Clone, Debug, Default)]
struct Reference(i64);

type Asked = (Function, Datum);
/// Whether it was done, and with which answer.
type Heard = (bool, Datum);

impl SequentialSpec for Reference {
    type Op = Asked;
    type Ret = Heard;
    fn invoke(&mut self, (function, argument): &Asked) -> Heard {
        use super::random::Object;
        let mut register = Register(self.0);
        let heard = register.ask(0, *function, argument);
        self.0 = register.0;
        heard
    }
}

fn judged_by_stateright(events: &[Event]) -> bool {
    let mut tester = LinearizabilityTester::new(Reference::default());
    for event in events {
        match event.ending {
            None => drop(tester.on_invoke(event.process, (event.function, event.value.clone())).unwrap()),
            // It never hears: stateright lets what is open have happened or not.
            Some(Ending::Unknown) => {}
            Some(ending) => drop(tester.on_return(event.process, (ending == Ending::Ok, event.value.clone())).unwrap()),
        }
    }
    tester.is_consistent()
}

#[test]
fn our_verdicts_are_stateright_s_on_ten_thousand_random_histories() {
    let mut violated = 0;
    for seed in 0..10_000 {
        let events = draw(seed, &mut Register::default(), 4, 8);
        let ours = linearizable(&history(&events), Model::Register, &Budget::default()).unwrap();
        let theirs = judged_by_stateright(&events);
        violated += u32::from(!theirs);
        let told: Vec<_> = events
            .iter()
            .map(|event| format!("{} {} {:?} {}", event.process, event.function, event.ending, event.value))
            .collect();
        assert_eq!(ours.word() == "holds", theirs, "seed {seed}:\n{}", told.join("\n"));
    }
    assert!((2000..8000).contains(&violated), "{violated} of 10,000 violate");
}
