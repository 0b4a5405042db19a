//! Single keys from the terminal.

use std::io::{IsTerminal as _, Read as _};

use tokio::sync::mpsc;

/// The keys that are pressed, for as long as this is kept. Where standard input is no terminal there are none.
pub(super) struct Keys {
    pressed: mpsc::UnboundedReceiver<u8>,
    #[cfg(unix)]
    _mode: Option<mode::Unbuffered>,
}

impl Keys {
    pub(super) fn new() -> Self {
        let (sender, pressed) = mpsc::unbounded_channel();
        let is_terminal = std::io::stdin().is_terminal();
        if is_terminal {
            // Reading blocks, and nothing ends it but the process.
            std::thread::spawn(move || {
                let mut keys = std::io::stdin().lock();
                let mut key = [0];
                while keys.read_exact(&mut key).is_ok() && sender.send(key[0]).is_ok() {}
            });
        }
        Self {
            pressed,
            #[cfg(unix)]
            _mode: is_terminal.then(mode::Unbuffered::new).flatten(),
        }
    }

    /// The next key. Waits for ever where there are none.
    pub(super) async fn next(&mut self) -> u8 {
        match self.pressed.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
mod mode {
    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// A terminal that hands keys over at once and does not show them. Everything else stays as it was: lines end as usual, and
    /// ctrl-c interrupts. It is set back on drop.
    pub(super) struct Unbuffered(Termios);

    impl Unbuffered {
        pub(super) fn new() -> Option<Self> {
            let before = tcgetattr(std::io::stdin()).ok()?;
            let mut mode = before.clone();
            mode.local_modes
                .remove(LocalModes::ICANON | LocalModes::ECHO);
            tcsetattr(std::io::stdin(), OptionalActions::Now, &mode).ok()?;
            Some(Self(before))
        }
    }

    impl Drop for Unbuffered {
        fn drop(&mut self) {
            // There is nobody to tell, and nothing to be done, if it fails.
            let _stays = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
        }
    }
}
