/** Symbol, Korean name, English name, price in KRW around which the simulation moves. Busiest first. */
const table = `
BTC|비트코인|Bitcoin|142000000
XRP|엑스알피(리플)|XRP|3350
ETH|이더리움|Ethereum|4850000
USDT|테더|Tether|1480
SOL|솔라나|Solana|221000
DOGE|도지코인|Dogecoin|262
ADA|에이다|Cardano|820
SUI|수이|Sui|3150
WLD|월드코인|Worldcoin|1130
PEPE|페페|Pepe|0.0124
ENA|에테나|Ethena|520
XLM|스텔라루멘|Stellar Lumens|430
LINK|체인링크|Chainlink|24900
TRX|트론|TRON|470
SHIB|시바이누|Shiba Inu|0.0146
HBAR|헤데라|Hedera|265
AVAX|아발란체|Avalanche|29500
ONDO|온도파이낸스|Ondo Finance|1020
BONK|봉크|Bonk|0.0242
ETC|이더리움클래식|Ethereum Classic|22300
BCH|비트코인캐시|Bitcoin Cash|762000
NEAR|니어프로토콜|NEAR Protocol|3420
DOT|폴카닷|Polkadot|4520
SEI|세이|Sei|310
TRUMP|오피셜트럼프|OFFICIAL TRUMP|9100
UNI|유니스왑|Uniswap|9800
AAVE|에이브|Aave|312000
APT|앱토스|Aptos|5200
ARB|아비트럼|Arbitrum|480
VIRTUAL|버추얼프로토콜|Virtuals Protocol|1720
PENGU|펏지펭귄|Pudgy Penguins|33.5
KAITO|카이토|KAITO|1610
MOVE|무브먼트|Movement|142
LAYER|솔레이어|Solayer|610
BERA|베라체인|Berachain|2650
ZRO|레이어제로|LayerZero|2540
EIGEN|아이겐레이어|EigenLayer|1830
STX|스택스|Stacks|830
AUCTION|바운스토큰|Bounce|11200
ATOM|코스모스|Cosmos|5650
SAND|샌드박스|The Sandbox|362
MANA|디센트럴랜드|Decentraland|385
AXS|엑시인피니티|Axie Infinity|3120
ALGO|알고랜드|Algorand|295
VET|비체인|VeChain|32.4
FIL|파일코인|Filecoin|3080
IMX|이뮤터블엑스|Immutable X|710
GRT|더그래프|The Graph|121
INJ|인젝티브|Injective|17300
RENDER|렌더토큰|Render Token|4850
TIA|셀레스티아|Celestia|2230
SONIC|소닉SVM|Sonic SVM|252
S|소닉|Sonic|415
BLUR|블러|Blur|112
CRO|크로노스|Cronos|218
POL|폴리곤에코시스템토큰|Polygon Ecosystem Token|345
ANKR|앵커|Ankr|20.1
ID|스페이스아이디|SPACE ID|231
GAS|가스|GAS|4320
NEO|네오|NEO|8450
QTUM|퀀텀|Qtum|3680
XTZ|테조스|Tezos|1010
THETA|쎄타토큰|Theta Token|1060
TFUEL|쎄타퓨엘|Theta Fuel|45.2
EGLD|멀티버스엑스|MultiversX|19200
FLOW|플로우|Flow|495
CHZ|칠리즈|Chiliz|55.3
ENS|이더리움네임서비스|Ethereum Name Service|29800
PYTH|피스네트워크|Pyth Network|182
JUP|주피터|Jupiter|640
W|웜홀|Wormhole|111
STRK|스타크넷|Starknet|178
ZK|지케이싱크|ZKsync|75.4
ZETA|제타체인|ZetaChain|251
MINA|미나|Mina|238
MASK|마스크네트워크|Mask Network|1640
AKT|아카시네트워크|Akash Network|1520
AERGO|아르고|Aergo|128
AQT|알파쿼크|Alpha Quark|1310
ARDR|아더|Ardor|112
ARK|아크|Ark|568
ASTR|아스타|Astar|32.8
AWE|에이더블유이|AWE Network|74.1
ARKM|아캄|Arkham|690
AGLD|어드벤처골드|Adventure Gold|820
ALT|알트레이어|AltLayer|42.7
API3|에이피아이쓰리|API3|1090
ATH|에이셔|Aethir|51.2
A|볼타|Vaulta|610
BAT|베이직어텐션토큰|Basic Attention Token|218
BEAM|빔|Beam|9.12
BIGTIME|빅타임|Big Time|71.5
BLAST|블라스트|Blast|3.12
BOUNTY|체인바운티|ChainBounty|38.6
BORA|보라|BORA|118
BSV|비트코인에스브이|Bitcoin SV|38900
BTT|비트토렌트|BitTorrent|0.000912
CARV|카브|CARV|402
CBK|코박토큰|Cobak Token|698
CELO|셀로|Celo|442
CKB|너보스|Nervos|6.83
COMP|컴파운드|Compound|61800
COW|카우프로토콜|CoW Protocol|462
CTC|크레딧코인|Creditcoin|901
CVC|시빅|Civic|118
CYBER|사이버|Cyber|2010
DEEP|딥북|DeepBook|182
DENT|덴트|Dent|0.982
DKA|디카르고|dKargo|18.4
DRIFT|드리프트|Drift|821
ELF|엘프|aelf|312
ERA|칼데라|Caldera|882
ETHFI|이더파이|ether.fi|1590
FCT2|피르마체인|FirmaChain|61.2
FLOCK|플록|FLock.io|341
F|신퓨처스|SynFutures|18.9
FLUID|플루이드|Fluid|7820
G|그래비티|Gravity|17.1
GAME2|게임빌드|GameBuild|3.62
GLM|골렘|Golem|348
GMT|스테픈|STEPN|58.2
GRS|그로스톨코인|Groestlcoin|482
GTC|깃코인|Gitcoin|401
HIVE|하이브|Hive|298
HP|하이프로토콜|Hippocrat|2.12
HUNT|헌트|Hunt Town|312
HYPER|하이퍼레인|Hyperlane|410
ICX|아이콘|ICON|182
INIT|이니시아|Initia|512
IO|아이오넷|io.net|782
IOST|아이오에스티|IOST|4.82
IOTA|아이오타|IOTA|262
IOTX|아이오텍스|IoTeX|36.4
IP|스토리|Story|8120
IQ|아이큐|IQ|6.32
JST|저스트|JUST|48.2
JTO|지토|Jito|2430
KAVA|카바|Kava|561
KERNEL|커널다오|KernelDAO|281
KNC|카이버네트워크|Kyber Network|521
LA|라그랑주|Lagrange|462
LSK|리스크|Lisk|498
LPT|라이브피어|Livepeer|8920
LRC|루프링|Loopring|121
LWA|루미웨이브|LumiWave|4.21
MBL|무비블록|MovieBloc|2.91
ME|매직에덴|Magic Eden|892
MED|메디블록|MediBloc|8.12
META|메타디움|Metadium|21.4
METIS|메티스|Metis|22800
MEW|캣인어독스월드|cat in a dogs world|3.42
MLK|밀크|MiL.k|198
MNT|맨틀|Mantle|1710
MOC|모스코인|Mossland|68.2
MOCA|모카네트워크|Moca Network|98.4
MOODENG|무뎅|Moo Deng|221
MTL|메탈|Metal DAO|892
MVL|엠블|MVL|4.92
NCT|폴리스웜|PolySwarm|28.1
NEWT|뉴턴프로토콜|Newton Protocol|361
NKN|엔케이엔|NKN|32.1
NMR|뉴메레르|Numeraire|21200
NOM|노믹스|Nomina|41.2
NXPC|넥스페이스|NEXPACE|982
OAS|오아시스|Oasys|15.2
OGN|오리진프로토콜|Origin Protocol|82.1
OM|만트라|MANTRA|311
OMNI|옴니네트워크|Omni Network|4120
ONG|온톨로지가스|Ontology Gas|262
ONT|온톨로지|Ontology|182
OP|옵티미즘|Optimism|1012
ORBS|오브스|Orbs|25.1
ORCA|오르카|Orca|3120
ORDER|오덜리|Orderly|212
OXT|오키드|Orchid|71.2
PENDLE|펜들|Pendle|6820
PLUME|플룸|Plume|151
POKT|포켓네트워크|Pocket Network|52.1
POLYX|폴리매쉬|Polymesh|182
POWR|파워렛저|Powerledger|212
PROMPT|웨이파인더|Wayfinder|192
PROVE|서싱트|Succinct|1410
PUNDIX|펀디엑스|Pundi X|412
QKC|쿼크체인|QuarkChain|9.42
RAY|레이디움|Raydium|4120
RED|레드스톤|RedStone|582
REI|레이|REI Network|22.1
REQ|리퀘스트|Request|182
RLC|아이젝|iExec RLC|1420
RLY|랠리|Rally|1.92
RSR|리저브라이트|Reserve Rights|9.82
RVN|레이븐코인|Ravencoin|18.2
SAFE|세이프|Safe|582
SAHARA|사하라에이아이|Sahara AI|121
SC|시아코인|Siacoin|4.62
SIGN|사인|Sign|98.2
SKY|스카이|Sky|98.4
SNT|스테이터스네트워크토큰|Status Network Token|38.2
SNX|신세틱스|Synthetix|982
SOON|쑨|SOON|512
SOPH|소폰|Sophon|48.2
SPK|스파크|Spark|98.1
STEEM|스팀|Steem|192
STG|스타게이트파이낸스|Stargate Finance|262
STMX|스톰엑스|StormX|6.12
STORJ|스토리지|Storj|382
STRAX|스트라티스|Stratis|58.2
SUN|썬|Sun Token|32.1
SXP|솔라|Solar|262
SYRUP|메이플파이낸스|Maple Finance|612
T|쓰레스홀드|Threshold|21.2
TAIKO|타이코|Taiko|612
TOKAMAK|토카막네트워크|Tokamak Network|1120
TOSHI|토시|Toshi|0.982
TREE|트리하우스|Treehouse|412
TT|썬더코어|ThunderCore|4.82
TOWNS|타운즈|Towns|41.2
UXLINK|유엑스링크|UXLINK|482
VANA|바나|Vana|6120
VTHO|비토르토큰|VeThor Token|2.62
WAL|월루스|Walrus|582
WAVES|웨이브|Waves|1520
WAXP|왁스|WAX|31.2
WCT|월렛커넥트|WalletConnect|412
XEC|이캐시|eCash|0.0282
XEM|넴|NEM|4.12
XPL|플라즈마|Plasma|1210
XTER|엑스터리오|Xterio|182
YGG|일드길드게임즈|Yield Guild Games|212
ZIL|질리카|Zilliqa|15.2
ZKC|바운들리스|Boundless|821
ZORA|조라|Zora|98.2
ZRX|제로엑스|0x Protocol|362
1INCH|1인치네트워크|1inch Network|341
2Z|더블제로|DoubleZero|612
0G|제로지|0G|3820
ASTER|아스터|Aster|2210
AVNT|아반티스|Avantis|1820
BARD|롬바드|Lombard|1210
BIO|바이오프로토콜|Bio Protocol|182
BRETT|브렛|Brett|72.1
CAKE|팬케이크스왑|PancakeSwap|3820
CFX|콘플럭스|Conflux|212
COTI|코티|COTI|72.4
CRV|커브|Curve DAO|1012
CVX|컨벡스파이낸스|Convex Finance|4820
DYDX|디와이디엑스|dYdX|812
EDU|오픈캠퍼스|Open Campus|182
EUL|오일러|Euler|12800
FET|페치|Artificial Superintelligence Alliance|812
FF|팔콘파이낸스|Falcon Finance|212
FLR|플레어|Flare|28.2
GALA|갈라|Gala|22.1
GMX|지엠엑스|GMX|18200
HEMI|헤미|Hemi|98.2
HOLO|홀로월드에이아이|Holoworld AI|312
ICP|인터넷컴퓨터|Internet Computer|6120
IN|인피닛|INFINIT|182
KAIA|카이아|Kaia|212
KMNO|카미노|Kamino|98.2
LDO|리도다오|Lido DAO|1520
LINEA|리네아|Linea|38.2
MAGIC|매직|Treasure|262
MERL|멀린체인|Merlin Chain|182
MIRA|미라네트워크|Mira Network|1820
MON|모나드|Monad|62.1
MORPHO|모포|Morpho|2620
MORI|모리|MORI|38.2
NIL|닐리온|Nillion|412
OPEN|오픈레저|OpenLedger|812
PUMP|펌프펀|Pump.fun|7.82
RAD|래디클|Radworks|812
RESOLV|리졸브|Resolv|212
RPL|로켓풀|Rocket Pool|8200
SAPIEN|사피엔|Sapien|262
SCR|스크롤|Scroll|382
SOMI|솜니아|Somnia|982
SSV|에스에스브이네트워크|SSV Network|12100
SUPER|슈퍼버스|SuperVerse|812
TON|톤코인|Toncoin|3920
USD1|월드리버티파이낸셜유에스디|World Liberty Financial USD|1480
USDC|유에스디코인|USD Coin|1480
WCX|위키캣|WikiCat|1.21
WIF|도그위프햇|dogwifhat|1020
WLFI|월드리버티파이낸셜|World Liberty Financial|262
XAUT|테더골드|Tether Gold|5820000
YFI|연파이낸스|yearn.finance|7820000
ZBT|제로베이스|ZEROBASE|182
ZEC|지캐시|Zcash|512000
CPOOL|클리어풀|Clearpool|182
CSPR|캐스퍼네트워크|Casper Network|12.8
GNO|노시스|Gnosis|198000
OSMO|오스모시스|Osmosis|212
PEAQ|피크|peaq|82.4
`;

export interface Coin {
  readonly symbol: string;
  readonly koreanName: string;
  readonly englishName: string;
  readonly krw: number;
}

export const coins: readonly Coin[] = table.trim().split("\n").map((line) => {
  const [symbol, koreanName, englishName, krw] = line.split("|");
  return {
    symbol: symbol!,
    koreanName: koreanName!,
    englishName: englishName!,
    krw: Number(krw),
  };
});
