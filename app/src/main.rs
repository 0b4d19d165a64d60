//! The program `faultline`: reads the command line and does what it says.

use std::process::ExitCode;

use clap::Parser;
use faultline::cli::{Cli, carry_out};

// The window allocates and frees megabytes a frame, which the system's allocator returns to the kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The texts about protocols have no pictures; that nobody can load any is no news.
    let filter = env_logger::Env::default().default_filter_or("warn,egui_extras::loaders=error");
    env_logger::Builder::from_env(filter).init();
    match carry_out(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}
