//! One message on the picture: the pointer stops it, its menu takes it by hand, and what is held stands still.

use std::cell::Cell;

use cluster_core::{fault::ByHand, trace::HeldFrame};

use super::*;

const PUT: &str = "message Put from c1 to n1";

/// The number of the `Put` from c1 to n1.
fn put(state: &ClusterState) -> MsgId {
    let found = state.flights.iter().find(|(_, flight)| flight.info.name.as_str() == "Put");
    *found.expect("a client asks").0
}

fn with_held_put() -> (ClusterState, MsgId) {
    let mut state = testing::steady(5);
    let msg = put(&state);
    let flight = state.flights[&msg];
    state.held.push(HeldFrame { msg, flight, since: testing::now(), by: None });
    (state, msg)
}

#[test]
fn the_menu_of_a_message_holds_drops_doubles_and_hurries_it() {
    let msg = put(&testing::steady(5));
    for (entry, what) in [
        ("Hold", ByHand::Hold(msg)),
        ("Drop", ByHand::Drop(msg)),
        ("Duplicate", ByHand::Duplicate(msg)),
        ("Deliver now", ByHand::DeliverNow(msg)),
    ] {
        let mut window = Window::steady();
        window.choose(PUT, entry);
        assert_eq!(window.pushed(), [Action::Command(Command::Message(what))], "{entry}");
    }
}

#[test]
fn a_held_message_says_so_and_can_be_released() {
    let (state, msg) = with_held_put();
    let mut window = Window::of(state, Selection::Nothing);
    window.choose("message Put from c1 to n1, held", "Release");
    assert_eq!(window.pushed(), [Action::Command(Command::Message(ByHand::Release(msg)))]);
}

#[test]
fn a_click_selects_a_message() {
    let mut window = Window::steady();
    window.harness.get_by_label(PUT).click();
    window.harness.run();
    assert_eq!(window.pushed(), [Action::Select(Selection::Message(put(&testing::steady(5))))]);
}

#[test]
fn a_message_under_the_pointer_stands_still_and_says_what_it_is() {
    let at = Rc::new(Cell::new(testing::now()));
    let (now, actions) = (at.clone(), RefCell::default());
    let (store, theme, state) = (TraceStore::new(ClusterSpec::default()), Theme::dark(), testing::steady(5));
    let mut view = CanvasView::default();
    let mut harness = Harness::builder().with_size(vec2(1000.0, 640.0)).build_ui(move |ui| {
        let cursor = Cursor { at: now.get(), ..Cursor::default() };
        view.ui(ui, &ViewCtx::new(&store, &state, cursor, &Selection::Nothing, &theme, &actions));
    });
    harness.run();
    let place = |harness: &Harness<'_>, label: &str| harness.get_by_label(label).rect().center();
    let other = "message Heartbeat from n1 to n3";
    let (before, other_before) = (place(&harness, PUT), place(&harness, other));
    harness.hover_at(before);
    harness.run();
    at.set(Timestamp(testing::now().0 + 8_000_000));
    harness.run();
    assert_eq!(place(&harness, PUT), before);
    assert_ne!(place(&harness, other), other_before, "the others go on");
    harness.get_by_label("c1 to n1, 60 bytes");
    harness.hover_at(pos2(5.0, 635.0));
    harness.run();
    assert_ne!(place(&harness, PUT), before, "it goes on when the pointer leaves");
}

#[test]
fn a_held_message_stops_short_of_its_receiver() {
    let (mut state, msg) = with_held_put();
    state.flights.get_mut(&msg).unwrap().due = Timestamp(testing::now().0 - 1);
    let held = Window::of(state.clone(), Selection::Nothing);
    let held = held.harness.get_by_label("message Put from c1 to n1, held").rect().center();
    state.held.clear();
    let free = Window::of(state, Selection::Nothing);
    assert!(free.harness.get_by_label(PUT).rect().center().distance(held) > 5.0);
}
