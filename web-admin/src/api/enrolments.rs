//! `/enrolments`.
