//! Everything a view may read, and the one thing it may do.

use std::{cell::RefCell, sync::LazyLock};

use cluster_core::{
    command::Command,
    event::Family,
    ids::Seq,
    registry,
    time::Timestamp,
    trace::{Availability, ClusterState, Ledger, Subject, TraceStore},
};

use crate::{
    action::{Action, Selection},
    guide::{Allowed, Guide, GuideAction, Marks},
    names::Names,
    playback::Cursor,
    theme::Theme,
    tools::Tools,
    travel::{Travel, TravelAction, Twin},
};

static NO_NAMES: LazyLock<Names> = LazyLock::new(Names::default);
static EMPTY_HAND: LazyLock<Tools> = LazyLock::new(Tools::default);

/// What a view may read during one frame.
pub struct ViewCtx<'a> {
    /// The run.
    pub store: &'a TraceStore,
    /// The cluster at the cursor.
    pub state: &'a ClusterState,
    /// The cursor.
    pub cursor: Cursor,
    /// The moment to draw: the cursor's, or, while live, cluster time as it goes on between two events.
    pub at: Timestamp,
    /// What is selected.
    pub selection: &'a Selection,
    /// What nodes are called.
    pub names: &'a Names,
    /// Colors, sizes, durations.
    pub theme: &'a Theme,
    /// Whether there is a cluster that takes commands (a recording takes none).
    pub commandable: bool,
    /// Whether another cluster can be started.
    pub startable: bool,
    /// Whether motion is to be shown as its end state.
    pub reduced_motion: bool,
    /// The folder of the nodes' data, if there is one.
    pub data_dir: Option<&'a str>,
    /// The tools in the user's hand.
    pub tools: &'a Tools,
    /// The labs of this window, if it is a whole window.
    pub guide: Option<&'a Guide>,
    /// What the lab that is open lets its learner do, if one is open.
    pub allowed: Option<&'a Allowed>,
    /// What a hint points at.
    pub marks: Option<&'a Marks>,
    /// Where the window is in time and among runs, if it is a whole window.
    pub travel: Option<&'a Travel>,
    /// The stretch that is played over and over, if there is one.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What “Why?” was asked about last, and at which event the cursor stood.
    pub asked: Option<(Subject, Seq)>,
    /// The ledger of acknowledged writes, as of the end of the run.
    pub ledger: Option<&'a Ledger>,
    /// What clients got, as of the end of the run.
    pub availability: Option<&'a Availability>,
    actions: &'a RefCell<Vec<Action>>,
}

impl<'a> ViewCtx<'a> {
    /// Makes a context for a live cluster; fields can be set on the result.
    pub fn new(
        store: &'a TraceStore,
        state: &'a ClusterState,
        cursor: Cursor,
        selection: &'a Selection,
        theme: &'a Theme,
        actions: &'a RefCell<Vec<Action>>,
    ) -> Self {
        let (at, commandable, reduced_motion) = (cursor.at, true, false);
        let (startable, data_dir, asked, ledger, availability) = (false, None, None, None, None);
        let (tools, names): (&Tools, &Names) = (&EMPTY_HAND, &NO_NAMES);
        Self {
            store,
            state,
            cursor,
            at,
            selection,
            names,
            theme,
            commandable,
            startable,
            reduced_motion,
            data_dir,
            asked,
            travel: None,
            guide: None,
            allowed: None,
            marks: None,
            span: None,
            tools,
            ledger,
            availability,
            actions,
        }
    }

    /// Returns what a view may read of the run beside this one. It takes no commands.
    pub fn beside(&self, twin: &'a Twin) -> Self {
        let mut ctx = Self::new(&twin.store, &twin.state, twin.cursor, self.selection, self.theme, self.actions);
        (ctx.commandable, ctx.reduced_motion, ctx.names) = (false, self.reduced_motion, self.names);
        ctx
    }

    /// Says what the user meant; carried out after the frame.
    pub fn act(&self, action: Action) {
        self.actions.borrow_mut().push(action);
    }

    /// Returns a command, or why it makes no sense: by itself, in a recording, or in the lab that is open.
    pub fn check(&self, possible: Result<Command, &str>) -> Result<Command, String> {
        if !self.commandable {
            return Err("This is a recording: it takes no commands".to_owned());
        }
        let command = possible?;
        match self.refusal(&command) {
            Some(why) => Err(why),
            None => Ok(command),
        }
    }

    /// Returns why a command is no part of the lab that is open.
    pub fn refusal(&self, command: &Command) -> Option<String> {
        self.allowed.and_then(|allowed| allowed.refusal(command))
    }

    /// Returns whether a verb of scripts is among what can be done: a lab shows only what it offers.
    pub fn offers(&self, verb: &str) -> bool {
        self.allowed.is_none_or(|allowed| allowed.palette.offers(verb))
    }

    /// Returns the families of the messages of this cluster, each with its word: those of its protocol, and what clients
    /// send if there may be any. Of a protocol that is not known, all.
    pub fn families(&self) -> Vec<(Family, &'static str)> {
        let Some(row) = registry::protocol(&self.store.spec().protocol) else {
            return Family::ALL.into_iter().map(|family| (family, family.word())).collect();
        };
        let mut families = row.families.to_vec();
        if row.serves_clients {
            families.push((Family::Client, Family::Client.word()));
        }
        families.sort_by_key(|(family, _)| *family);
        families
    }

    /// Returns the glyph of a family of messages.
    pub fn family_glyph(&self, family: Family) -> String {
        let families = self.families();
        let word = families.iter().find(|(known, _)| *known == family).map_or(family.word(), |(_, word)| word);
        self.theme.family_glyph(family, word)
    }

    /// Returns the protocol's word for who leads; empty if nobody does.
    pub fn leader_word(&self) -> &'static str {
        registry::protocol(&self.store.spec().protocol).map_or("leader", |row| row.leader_word)
    }

    /// Returns whether somebody leads in this protocol.
    pub fn has_leaders(&self) -> bool {
        !self.leader_word().is_empty()
    }

    /// Says what the user meant with a lab.
    pub fn in_lab(&self, action: GuideAction) {
        self.act(Action::Guide(action));
    }

    /// Says what the user meant with time, or with other runs.
    pub fn travel(&self, action: TravelAction) {
        self.act(Action::Travel(action));
    }

    /// Asks something of the cluster.
    pub fn command(&self, command: Command) {
        self.act(Action::Command(command));
    }
}
