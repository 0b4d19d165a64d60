//! The program `faultline`: reads the command line and does what it says.

use std::process::ExitCode;

use clap::Parser;
use faultline::cli::{Cli, carry_out};

// The window allocates and frees megabytes a frame, which the system's allocator returns to the kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match carry_out(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}
