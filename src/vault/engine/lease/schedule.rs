//! When something is due: pure calculation, without a clock of its own.

use std::time::{Duration, Instant};

/// A renewal is spread over this fraction of the TTL, so that a thousand programs that were started together do not renew
/// together. More would leave less time for it to succeed.
const SPREAD: f64 = 0.08;

/// The bounds of the pause after a failure.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// How soon the end of a token is looked at again.
const TOKEN_PAUSE: Duration = Duration::from_secs(1);

/// When what begins at `began` and lives for `ttl` has to be renewed: at two thirds, or up to 8 % of the TTL later.
/// `random` is from 0 to 1.
pub fn renewal(began: Instant, ttl: Duration, random: f64) -> Instant {
    began + ttl.mul_f64(2.0 / 3.0 + SPREAD * random)
}

/// When what ends with its token, or a little before, at `end`, is looked at.
pub fn of_token(end: Instant, now: Instant, random: f64) -> Instant {
    let left = end.saturating_duration_since(now);
    renewal(now, left, random).max((now + TOKEN_PAUSE).min(end))
}

/// How long nothing is tried after a failure, while `left` is left of what there is, which lived for `ttl`.
pub fn pause(left: Duration, ttl: Duration, failures: u32, random: f64) -> Duration {
    let least = (ttl / 20).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    let pause = match left.is_zero() {
        false => (left / 3).clamp(least, LONGEST_PAUSE),
        true => SHORTEST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.min(8))).min(LONGEST_PAUSE / 2),
    };
    pause.mul_f64(0.75 + random / 2.0)
}

/// When what has no end of its own is looked at again. The interval varies by a tenth.
pub fn look(now: Instant, interval: Duration, random: f64) -> Instant {
    now + interval.mul_f64(0.9 + random / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_renewal_is_due_at_two_thirds_or_a_little_later() {
        let now = Instant::now();
        for (random, least, most) in [(0.0, 6.66, 6.67), (0.5, 7.06, 7.07), (1.0, 7.46, 7.47)] {
            let due = renewal(now, seconds(10), random).duration_since(now).as_secs_f64();
            assert!((least..most).contains(&due), "{due}");
        }
    }

    #[test]
    fn leases_that_were_made_together_are_renewed_apart() {
        let now = Instant::now();
        // Spread evenly, as random numbers are.
        let random = |number: u32| f64::from(number * 617 % 1000) / 1000.0;
        let mut per_second = [0; 70];
        for number in 0..1000_u32 {
            let began = now + Duration::from_millis(u64::from(number));
            let due = renewal(began, seconds(60), random(number));
            per_second[due.duration_since(now).as_secs() as usize] += 1;
        }
        assert!(per_second.iter().all(|&count| count <= 250), "{per_second:?}");
    }

    #[test]
    fn the_end_of_a_token_is_not_looked_at_all_the_time() {
        let now = Instant::now();
        assert!(of_token(now + seconds(30), now, 0.0) > now + seconds(19));
        assert_eq!(of_token(now + Duration::from_millis(1200), now, 0.0), now + TOKEN_PAUSE);
        let last = now + Duration::from_millis(300);
        assert_eq!(of_token(last, now, 0.0), last);
    }

    #[test]
    fn a_failure_is_followed_by_a_pause_that_fits_into_what_is_left() {
        assert_eq!(pause(seconds(3), seconds(10), 1, 0.5), seconds(1));
        assert_eq!(pause(Duration::from_millis(30), seconds(10), 9, 0.5), Duration::from_millis(500));
        assert_eq!(pause(seconds(100_000), seconds(300_000), 1, 0.5), seconds(60));
        assert_eq!(pause(Duration::ZERO, seconds(10), 0, 0.5), Duration::from_millis(250));
        assert_eq!(pause(Duration::ZERO, seconds(10), 100, 0.5), seconds(30));
    }

    #[test]
    fn looks_come_at_about_their_interval() {
        let now = Instant::now();
        assert_eq!(look(now, seconds(30), 0.5).duration_since(now), seconds(30));
        assert_eq!(look(now, seconds(30), 0.0).duration_since(now), seconds(27));
    }
}
