//! `faultline chart`: lag, throughput and latency of a recording as a picture.

use super::{ChartArgs, Failure, ThemeWord, play::open};
use crate::chart::{ChartError, write_chart};

/// Does what the flags say.
pub(super) fn chart(args: &ChartArgs) -> Result<(), Failure> {
    let store = open(&args.recording)?;
    write_chart(&store, &args.out, args.size, args.theme == ThemeWord::Dark).map_err(|error| match error {
        ChartError::Draw(_) => Failure::run(error),
        _ => Failure::input(error),
    })
}
