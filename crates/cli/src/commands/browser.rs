//! `openclaw browser`: driving a browser of a node by hand, as agents do.

mod act;
mod files;
mod inspect;
mod manage;
mod request;
mod state;

use crate::context::Context;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use request::{Driver, Place};

/// `browser` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct BrowserArgs {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: BrowserCommand,
}

#[derive(Debug, Subcommand)]
enum BrowserCommand {
    /// Whether the browser runs, and how
    Status,
    /// Whether all is there that a browser needs
    Doctor(manage::DoctorArgs),
    /// Start the browser, unless it runs already
    Start(manage::StartArgs),
    /// End the browser
    Stop,
    /// The profiles that there are
    Profiles,
    /// The open tabs
    Tabs,
    /// Tabs by their place in the list
    Tab(manage::TabArgs),
    /// Open an address in a new tab
    Open(manage::OpenArgs),
    /// Bring a tab to the front
    Focus(manage::OneTab),
    /// Close a tab
    Close(manage::MaybeTab),
    /// Go to an address in a tab
    Navigate(act::NavigateArgs),
    /// What is on the page, in lines, with a name for each element that can be acted on
    Snapshot(inspect::SnapshotArgs),
    /// A picture of the page; prints where it is kept on the gateway's host
    Screenshot(inspect::ScreenshotArgs),
    /// The page as a PDF; prints where it is kept on the gateway's host
    Pdf(inspect::OfTab),
    /// Click an element of the last snapshot
    Click(act::ClickArgs),
    /// Click at a place in the window
    ClickCoords(act::CoordsArgs),
    /// Write into a field of the last snapshot
    Type(act::TypeArgs),
    /// Press a key, such as Enter or Control+A
    Press(act::PressArgs),
    /// Move the mouse over an element
    Hover(act::RefArgs),
    /// Scroll until an element is seen
    #[command(name = "scrollintoview")]
    ScrollIntoView(act::RefArgs),
    /// Drag one element onto another
    Drag(act::DragArgs),
    /// Choose options of a list
    Select(act::SelectArgs),
    /// Fill in several fields
    Fill(act::FillArgs),
    /// Wait until something is so on the page; --url PATTERN is the page's address here, * for any characters
    Wait(act::WaitArgs),
    /// Run code in the page and print what it gives
    Evaluate(act::EvaluateArgs),
    /// Several actions, one after the other
    Batch(act::BatchArgs),
    /// Give the window of the page another size
    Resize(act::ResizeArgs),
    /// Answer what a page asks, now or the next time
    Dialog(files::DialogArgs),
    /// Give files of this computer to a page
    Upload(files::UploadArgs),
    /// Click an element and keep the file that comes of it; prints where on the gateway's host
    Download(files::DownloadArgs),
    /// Keep the next file that a page gives; prints where on the gateway's host
    #[command(name = "waitfordownload")]
    WaitForDownload(files::NextArgs),
    /// What the page has written to its console
    Console(inspect::ConsoleArgs),
    /// What went wrong in the page
    Errors(inspect::ErrorsArgs),
    /// What the page has asked servers for
    Requests(inspect::RequestsArgs),
    /// Wait for the answer of a server and print what is in it
    #[command(name = "responsebody")]
    ResponseBody(inspect::BodyArgs),
    /// Record what the browser does and how long that takes
    Trace(inspect::TraceArgs),
    /// Show at the window which element is meant
    Highlight(act::RefArgs),
    /// The browser's cookies
    Cookies(state::CookiesArgs),
    /// What a page keeps by itself
    Storage(state::StorageArgs),
    /// What pages are told of the world
    Set(state::SetArgs),
}

/// Asks the browser.
///
/// # Errors
/// The gateway cannot be reached, no node has a browser, or the browser refuses.
pub(crate) async fn run(args: BrowserArgs, ctx: &Context) -> Result<(), Failure> {
    let mut place = args.place;
    let url = match &args.command {
        BrowserCommand::Wait(_) | BrowserCommand::Cookies(_) => place.take_page_url(),
        _ => None,
    };
    let driver = Driver { ctx, place: &place };
    match args.command {
        BrowserCommand::Status => manage::status(&driver).await,
        BrowserCommand::Doctor(args) => manage::doctor(args, &driver).await,
        BrowserCommand::Start(args) => manage::start(args, &driver).await,
        BrowserCommand::Stop => manage::stop(&driver).await,
        BrowserCommand::Profiles => manage::profiles(&driver).await,
        BrowserCommand::Tabs => manage::tabs(&driver).await,
        BrowserCommand::Tab(args) => manage::tab(args, &driver).await,
        BrowserCommand::Open(args) => manage::open(args, &driver).await,
        BrowserCommand::Focus(args) => manage::focus(args, &driver).await,
        BrowserCommand::Close(args) => manage::close(args, &driver).await,
        BrowserCommand::Navigate(args) => act::navigate(args, &driver).await,
        BrowserCommand::Snapshot(args) => inspect::snapshot(args, &driver).await,
        BrowserCommand::Screenshot(args) => inspect::screenshot(args, &driver).await,
        BrowserCommand::Pdf(args) => inspect::pdf(args, &driver).await,
        BrowserCommand::Console(args) => inspect::console(args, &driver).await,
        BrowserCommand::Errors(args) => inspect::errors(args, &driver).await,
        BrowserCommand::Requests(args) => inspect::requests(args, &driver).await,
        BrowserCommand::ResponseBody(args) => inspect::body(args, &driver).await,
        BrowserCommand::Trace(args) => inspect::trace(args, &driver).await,
        BrowserCommand::Dialog(args) => files::dialog(args, &driver).await,
        BrowserCommand::Upload(args) => files::upload(args, &driver).await,
        BrowserCommand::Download(args) => files::download(args, &driver).await,
        BrowserCommand::WaitForDownload(args) => files::next(args, &driver).await,
        BrowserCommand::Cookies(args) => state::cookies(args, url, &driver).await,
        BrowserCommand::Wait(args) => act::wait(args, url, &driver).await,
        BrowserCommand::Storage(args) => state::storage(args, &driver).await,
        BrowserCommand::Set(args) => state::set(args, &driver).await,
        action => acting(action, &driver).await,
    }
}

/// What is done with a page.
async fn acting(command: BrowserCommand, driver: &Driver<'_>) -> Result<(), Failure> {
    match command {
        BrowserCommand::Click(args) => act::click(args, driver).await,
        BrowserCommand::ClickCoords(args) => act::click_coords(args, driver).await,
        BrowserCommand::Type(args) => act::write(args, driver).await,
        BrowserCommand::Press(args) => act::press(args, driver).await,
        BrowserCommand::Hover(args) => act::on_ref("hover", args, driver).await,
        BrowserCommand::ScrollIntoView(args) => act::on_ref("scrollIntoView", args, driver).await,
        BrowserCommand::Drag(args) => act::drag(args, driver).await,
        BrowserCommand::Select(args) => act::select(args, driver).await,
        BrowserCommand::Fill(args) => act::fill(args, driver).await,
        BrowserCommand::Evaluate(args) => act::evaluate(args, driver).await,
        BrowserCommand::Batch(args) => act::batch(args, driver).await,
        BrowserCommand::Resize(args) => act::resize(args, driver).await,
        BrowserCommand::Highlight(args) => act::highlight(args, driver).await,
        other => Err(Failure::usage(format!("{other:?} is no action"))),
    }
}
