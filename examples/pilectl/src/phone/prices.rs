//! Tariffs and plans.

use billing_core::tariff::Tariff;
use ble_protocol::message::{Request, Response};
use pile_units::{AccountId, ClockQuality, PlanId, UnixSeconds, WallTime};

use super::commands::TariffCommand;
use super::house::done;
use super::table::pretty;
use super::talk::Talk;
use super::words;
use crate::answer::{Answer, Refusal};
use crate::figures::Zone;
use crate::ledger::words::plan as plan_words;

fn plan(number: u8) -> Result<PlanId, Refusal> {
    let last = PlanId::all().map(PlanId::get).last().unwrap_or(0);
    let none = |_| {
        let remedy = format!("plans are 0, the standard one, to {last}");
        Refusal::new(format!("there is no plan {number}"), remedy)
    };
    PlanId::new(number).map_err(none)
}

/// `tariff`.
///
/// # Errors
/// [`Refusal`] if the file is no tariff, or the pile refuses it.
pub fn run(talk: &mut Talk, json: bool, command: &TariffCommand) -> Result<Answer, Refusal> {
    match command {
        TariffCommand::Show => show(talk, json),
        TariffCommand::Set { file, plan: number } => {
            let (plan, tariff) = (plan(*number)?, read(file)?);
            let said = format!("In force for {}.\n", plan_words(plan));
            done(talk, Request::SetTariff { plan, tariff }, said)
        }
        TariffCommand::Plan {
            file,
            from: day,
            plan: number,
        } => {
            let (plan, tariff) = (plan(*number)?, read(file)?);
            let none = || Refusal::new(format!("{day}: not a day"), "give one such as 2026-12-01");
            let from = Zone::new(tariff.utc_offset()).day(day).ok_or_else(none)?;
            let said = format!("Planned for {} from {day} on.\n", plan_words(plan));
            done(talk, Request::PlanTariff { plan, from, tariff }, said)
        }
    }
}

fn read(file: &std::path::Path) -> Result<Tariff, Refusal> {
    let wrong = |error: tariff_file::ReadError| {
        Refusal::new(error.to_string(), "nothing was changed at the pile")
    };
    tariff_file::read(file).map_err(wrong)
}

struct Shown {
    plan: PlanId,
    head: String,
    version: Option<u16>,
    from: Option<UnixSeconds>,
    tariff: Tariff,
}

fn show(talk: &mut Talk, json: bool) -> Result<Answer, Refusal> {
    let mut all = Vec::new();
    let in_force = |it: ble_protocol::message::TariffInForce| Shown {
        plan: it.plan,
        head: format!("{}: tariff {}", plan_words(it.plan), it.version),
        version: Some(it.version.get()),
        from: None,
        tariff: it.tariff,
    };
    if talk.is_landlord() {
        let mut from = Some(PlanId::STANDARD);
        while let Some(first) = from {
            let Response::Tariffs(page) = talk.ask(Request::Tariffs { from: first })? else {
                return Err(words::odd());
            };
            let last = page.tariffs.iter().last();
            let next = last
                .filter(|_| page.more)
                .and_then(|it| it.plan.get().checked_add(1));
            from = next.and_then(|next| PlanId::new(next).ok());
            all.extend(page.tariffs.iter().cloned().map(in_force));
        }
        let Response::Planned(planned) = talk.ask(Request::PlannedTariff)? else {
            return Err(words::odd());
        };
        all.extend(planned.map(|it| Shown {
            plan: it.plan,
            head: format!(
                "{}: from {} on",
                plan_words(it.plan),
                Zone::new(it.tariff.utc_offset()).minute(WallTime {
                    unix: it.from,
                    quality: ClockQuality::Informative,
                })
            ),
            version: None,
            from: Some(it.from),
            tariff: it.tariff,
        }));
    } else {
        match talk.ask(Request::TariffNow)? {
            Response::Tariff { tariff, .. } => all.push(in_force(tariff)),
            _ => return Err(words::odd()),
        }
    }
    if json {
        let each = all.iter().map(|it| {
            serde_json::json!({
                "plan": it.plan.get(),
                "version": it.version,
                "from": it.from.map(UnixSeconds::get),
                "tariff": tariff_file::to_toml(&it.tariff),
            })
        });
        return Ok(Answer::well(pretty(&each.collect())));
    }
    let texts = all
        .iter()
        .map(|it| format!("# {}\n{}", it.head, tariff_file::to_toml(&it.tariff)));
    let texts = texts.collect::<Vec<_>>().join("\n");
    Ok(Answer::well(if texts.is_empty() {
        "No tariff yet: pilectl phone tariff set FILE.toml\n".to_owned()
    } else {
        texts
    }))
}

/// `assign-plan ACCOUNT PLAN`.
///
/// # Errors
/// [`Refusal`] if it is not assigned.
pub fn assign(talk: &mut Talk, account: u16, number: u8) -> Result<Answer, Refusal> {
    let plan = plan(number)?;
    let request = Request::AssignPlan {
        account: AccountId::new(account),
        plan,
    };
    let said = format!(
        "Account {account} is charged by {} from now on.\n",
        plan_words(plan)
    );
    done(talk, request, said)
}
