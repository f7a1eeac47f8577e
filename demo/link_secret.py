"""What the demo's links to reports are signed with. No secret: it opens nothing but this demo."""

LINK_SECRET = "links-of-the-corner-shop-of-the-demo"  # noqa: S105  # known to everybody
