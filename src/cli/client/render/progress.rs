//! Renders the progress of an attempt, in the fields that its worker reports.

use serde_json::{Map, Value};

use crate::cli::client::model::plain;

/// Members that are the total of another number.
const TOTALS: [&str; 2] = ["of", "total"];

/// `agent, step 8 of 15`, `40 %`, `pods 3, restarts 1`.
pub fn show(progress: &Value) -> String {
    match progress {
        Value::Object(members) => of_members(members),
        other => plain(other),
    }
}

fn of_members(members: &Map<String, Value>) -> String {
    let names = || members.keys().map(String::as_str);
    let paired: Vec<(&str, &str)> = names()
        .filter_map(|name| Some((name, own_total(members, name)?)))
        .collect();
    let is_paired = |name: &str| {
        paired
            .iter()
            .any(|(one, other)| [*one, *other].contains(&name))
    };
    let common = names().find(|name| TOTALS.contains(name) && is_number(members, name));
    let mut counted = names()
        .filter(|name| is_number(members, name) && !TOTALS.contains(name) && !is_paired(name));
    let counted = match (counted.next(), counted.next()) {
        (Some(only), None) => common.map(|total| (only, total)),
        _ => None,
    };
    let pairs: Vec<(&str, &str)> = paired.iter().copied().chain(counted).collect();
    let shown = names().filter(|name| !pairs.iter().any(|(_, total)| total == name));
    let parts = shown.map(|name| {
        let value = members.get(name).unwrap_or(&Value::Null);
        match pairs.iter().find(|(counted, _)| *counted == name) {
            Some((_, total)) => {
                let total = members.get(*total).unwrap_or(&Value::Null);
                (name, format!("{name} {} of {}", plain(value), plain(total)))
            }
            None => (name, of_member(name, value)),
        }
    });
    // The phase first: the numbers belong to it.
    let (mut first, rest): (Vec<_>, Vec<_>) = parts.partition(|(name, _)| *name == "phase");
    first.extend(rest);
    let parts: Vec<String> = first.into_iter().map(|(_, part)| part).collect();
    parts.join(", ")
}

fn is_number(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name).is_some_and(Value::is_number)
}

/// The member whose name marks it as the total of this one: `max_steps`, `total_steps` or `steps` for `step`.
fn own_total<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    if !is_number(members, name) {
        return None;
    }
    let forms = [
        format!("max_{name}s"),
        format!("max_{name}"),
        format!("total_{name}s"),
        format!("total_{name}"),
        format!("{name}s"),
    ];
    let total = forms.iter().find(|form| is_number(members, form))?;
    members.get_key_value(total).map(|(name, _)| name.as_str())
}

fn of_member(name: &str, value: &Value) -> String {
    match (name, value, value.as_f64()) {
        ("phase", Value::String(phase), _) => phase.clone(),
        ("fraction", _, Some(fraction)) if (0.0..=1.0).contains(&fraction) => {
            format!("{:.0} %", (fraction * 100.0).round())
        }
        ("percent", _, Some(percent)) => format!("{percent:.0} %"),
        _ => format!("{name} {}", plain(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_stand_beside_how_far_they_go() {
        for (progress, shown) in [
            (
                json!({"phase": "agent", "step": 8, "max_steps": 15}),
                "agent, step 8 of 15",
            ),
            (json!({"step": 1, "of": 3}), "step 1 of 3"),
            (
                json!({"shot": 10, "shots": 1000, "branch": 2}),
                "branch 2, shot 10 of 1000",
            ),
            (
                json!({"done": 1, "total": 2, "phase": "pull"}),
                "pull, done 1 of 2",
            ),
            (json!({"fraction": 0.405}), "41 %"),
            (json!({"percent": 12.4}), "12 %"),
        ] {
            assert_eq!(show(&progress), shown, "{progress}");
        }
    }

    #[test]
    fn other_progress_is_shown_as_it_is() {
        for (progress, shown) in [
            (
                json!({"pods": 3, "restarts": 1, "total": 9}),
                "pods 3, restarts 1, total 9",
            ),
            (
                json!({"step": "two", "max_steps": 3}),
                "max_steps 3, step two",
            ),
            (json!({"phase": 3}), "phase 3"),
            (json!({"fraction": 2}), "fraction 2"),
            (json!({}), ""),
            (json!("half-way"), "half-way"),
        ] {
            assert_eq!(show(&progress), shown, "{progress}");
        }
    }
}
