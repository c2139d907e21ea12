//! Random histories of the whole switchboard with made-up time, against a tiny reference of who must ring.
//!
//! `docs/simulation.md` says what is simulated and how to run and replay it.

#[cfg(test)]
mod economy;
mod history;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod message;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod phone;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod provider;
#[cfg(test)]
mod random;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod shrink;
#[cfg(test)]
mod store;
#[cfg(test)]
mod world;
