//! The switchboard is the machine the driver drives.

use crate::model::{Moment, Now};
use crate::switchboard::Switchboard;
use crate::switchboard::input::Input;
use crate::switchboard::output::Output;

use super::driver::Machine;

impl Machine for Switchboard {
    fn handle(&mut self, input: Input, now: Now) {
        Switchboard::handle(self, input, now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        Switchboard::poll_output(self)
    }

    fn poll_timeout(&self) -> Option<Moment> {
        Switchboard::poll_timeout(self)
    }

    fn is_drained(&self) -> bool {
        Switchboard::is_drained(self)
    }
}
