//! Formats events as lines, with the fields of the enclosing spans.

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::fields::Fields;
use super::form;
use super::line_queue::LineQueue;
use crate::config::logging::LogFormat;

/// Excluded target: at debug level it logs statements with the values of every parameter (circuits, results, keys).
/// qtask logs its statements itself, by name.
const TELLS_VALUES: &str = "tokio_postgres";

/// A tracing layer that pushes every event to the queue.
pub struct LogLayer {
    pub(super) format: LogFormat,
    pub(super) coloured: bool,
    pub(super) queue: &'static LineQueue,
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        let target = fields.log_target.take();
        let target = target.as_deref().unwrap_or(event.metadata().target());
        if level > Level::INFO && target.starts_with(TELLS_VALUES) {
            return;
        }
        // The innermost span first: its fields take precedence.
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.add_missing(of_span);
            }
        }
        let line = match self.format {
            LogFormat::Json => form::json(level, target, &fields),
            LogFormat::Pretty => form::pretty(level, &fields, self.coloured),
        };
        self.queue.push(&line);
    }
}
