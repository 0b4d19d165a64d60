//! The program `faultline`: opens the window.

use faultline::{source::Source, testing, window};

// The window allocates and frees megabytes a frame, which the system's allocator returns to the kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let make = |_: window::Wake| -> anyhow::Result<Box<dyn Source>> { Ok(Box::new(testing::scripted_source())) };
    window::run_window(Box::new(make), window::WindowOptions::default())
}
