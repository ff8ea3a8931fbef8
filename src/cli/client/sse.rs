//! Parses server-sent events from a byte stream.

/// Maximum size of an event, in bytes.
const LARGEST: usize = 4 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// The `Last-Event-ID` with which a broken stream resumes after this event.
    pub id: Option<String>,
    /// The event type.
    pub name: String,
    /// The data of the event.
    pub data: String,
}

/// An event exceeded the maximum size.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Buffers bytes and returns complete events.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    event: Event,
    size: usize,
    after_return: bool,
}

impl Parser {
    /// Returns the events that these bytes complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLarge> {
        let mut events = Vec::new();
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                // The second byte of CRLF.
                b'\n' if after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ => {
                    self.size += 1;
                    if self.size > LARGEST {
                        return Err(TooLarge);
                    }
                    self.line.push(*byte);
                }
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            self.size = 0;
            let event = std::mem::take(&mut self.event);
            return (!event.name.is_empty() || !event.data.is_empty()).then_some(event);
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "id" => self.event.id = Some(value.to_owned()),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments keep the connection alive.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: Option<&str>, name: &str, data: &str) -> Event {
        Event {
            id: id.map(str::to_owned),
            name: name.to_owned(),
            data: data.to_owned(),
        }
    }

    const STREAM: &str = ": hello\n\nid: 7\nevent: status\ndata: {\"a\":\ndata: 1}\n\nevent:end\r\ndata: {}\r\n\r\nevent: cut off";

    #[test]
    fn whole_events_come_out_however_the_bytes_arrive() {
        let expected = [
            event(Some("7"), "status", "{\"a\":\n1}"),
            event(None, "end", "{}"),
        ];
        assert_eq!(Parser::default().feed(STREAM.as_bytes()).unwrap(), expected);
        let mut parser = Parser::default();
        let one_by_one: Vec<Event> = STREAM
            .bytes()
            .flat_map(|byte| parser.feed(&[byte]).unwrap())
            .collect();
        assert_eq!(one_by_one, expected);
    }

    #[test]
    fn an_event_without_end_is_not_kept_in_memory() {
        let mut parser = Parser::default();
        let line = format!("data: {}\n", "x".repeat(1 << 20));
        let fed: Result<Vec<_>, _> = (0..5).map(|_| parser.feed(line.as_bytes())).collect();
        assert_eq!(fed, Err(TooLarge));
    }
}
