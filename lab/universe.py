"""The 50 traded symbols: their order, starting price, and which feed carries them."""

from typing import Final

# symbol -> (starting mid price, decimals quoted)
LISTING: Final[dict[str, tuple[float, int]]] = {
    "EURUSD": (1.0841, 5),
    "GBPUSD": (1.2652, 5),
    "USDJPY": (149.82, 3),
    "USDCHF": (0.8815, 5),
    "USDCAD": (1.3574, 5),
    "AUDUSD": (0.6532, 5),
    "NZDUSD": (0.6101, 5),
    "EURGBP": (0.8569, 5),
    "EURJPY": (162.42, 3),
    "EURCHF": (0.9556, 5),
    "EURCAD": (1.4716, 5),
    "EURAUD": (1.6597, 5),
    "EURNZD": (1.7769, 5),
    "GBPJPY": (189.55, 3),
    "GBPCHF": (1.1153, 5),
    "GBPCAD": (1.7174, 5),
    "GBPAUD": (1.9369, 5),
    "GBPNZD": (2.0738, 5),
    "CHFJPY": (169.96, 3),
    "CADJPY": (110.37, 3),
    "CADCHF": (0.6494, 5),
    "AUDJPY": (97.86, 3),
    "AUDCHF": (0.5758, 5),
    "AUDCAD": (0.8867, 5),
    "AUDNZD": (1.0706, 5),
    "NZDJPY": (91.41, 3),
    "NZDCHF": (0.5378, 5),
    "NZDCAD": (0.8282, 5),
    "XAUUSD": (2041.6, 2),
    "XAGUSD": (22.87, 3),
    "BTCUSD": (61850.0, 1),
    "ETHUSD": (3412.0, 2),
    "US30": (39080.0, 1),
    "US500": (5096.0, 1),
    "NAS100": (17940.0, 1),
    "GER40": (17410.0, 1),
    "UK100": (7630.0, 1),
    "JPN225": (39160.0, 1),
    "USOIL": (78.26, 3),
    "UKOIL": (82.61, 3),
    "LTCUSD": (73.4, 3),
    "XRPUSD": (0.5872, 5),
    "BCHUSD": (298.6, 2),
    "ADAUSD": (0.6431, 5),
    "SOLUSD": (127.3, 3),
    "DOTUSD": (8.412, 4),
    "DOGEUSD": (0.1213, 6),
    "LNKUSD": (19.33, 4),
    "AVAXUSD": (41.87, 3),
    "BNBUSD": (408.2, 2),
}
SYMBOLS: Final = tuple(LISTING)
INDEX: Final = {symbol: index for index, symbol in enumerate(SYMBOLS)}
PRICE_SAMPLE: Final = ("EURUSD", "USDJPY", "XAUUSD", "BTCUSD")
CLIENT_STREAM_SAMPLE: Final = (*PRICE_SAMPLE, "NZDCAD")
# The first, third, fifth … symbol of the list travel on the binary feed, the others on the JSON feed.
HOME_CHANNEL: Final = {symbol: "json" if index % 2 else "binary" for index, symbol in enumerate(SYMBOLS)}


def redis_key(symbol: str) -> str:
    """Redis key that holds the newest price of `symbol`."""
    return f"market:{symbol}"
