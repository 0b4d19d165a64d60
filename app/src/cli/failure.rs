//! Why the program ends without having done what was asked, and with which exit code.

use std::process::ExitCode;

/// Why it was not done. Each message names the place and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The run is done, and found what it was to fail for.
    #[error("{0}")]
    Lost(String),
    /// The histories are checked, and one of them breaks its promise.
    #[error("{0}")]
    Violated(String),
    /// The runs are compared, and differ.
    #[error("{0}")]
    Differs(String),
    /// The histories are checked, and of one of them it is not known.
    #[error("{0}")]
    Undecided(String),
    /// The command line is wrong in a way that only the whole of it shows.
    #[error("{0}")]
    Usage(String),
    /// A cluster, a script or a recording cannot be used.
    #[error("{0}")]
    Input(String),
    /// The run, the picture or the window failed.
    #[error("{0}")]
    Run(String),
}

impl Failure {
    /// Returns the exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Lost(_) | Self::Violated(_) | Self::Differs(_) => 1,
            Self::Usage(_) | Self::Undecided(_) => 2,
            Self::Input(_) => 3,
            Self::Run(_) => 4,
        })
    }

    /// Makes a failure of input from any error.
    pub(super) fn input(error: impl ToString) -> Self {
        Self::Input(error.to_string())
    }

    /// Makes a failure of the run from any error.
    pub(super) fn run(error: impl ToString) -> Self {
        Self::Run(error.to_string())
    }
}

/// Writes to standard output; a reader that went away is not an error of ours.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Run(format!("cannot write to standard output: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
