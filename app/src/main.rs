//! The program `faultline`: opens the window.

use cluster_core::{session::SessionOptions, spec::ClusterSpec};
use faultline::{
    source::{Live, Source},
    window,
};

// The window allocates and frees megabytes a frame, which the system's allocator returns to the kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let make = |wake: window::Wake| -> anyhow::Result<Box<dyn Source>> {
        let options = SessionOptions { wake: Some(wake), ..SessionOptions::default() };
        Ok(Box::new(Live::start(ClusterSpec::default(), options)?))
    };
    window::run_window(Box::new(make), window::WindowOptions::default())
}
