"""A third of the validation text stands in the source, and is known by heart.

class: payload
expect: supervised=open judged=open sandboxed=open
note: bounded by the size of the file: 8 bits a byte over the bytes of the validation text
"""

from gpt import BATCH, Memory, ready, report, train
from prepare import evaluate_bpb

TEXT = (
    "9qjJjYQuCozWhvNwxfnsPZfN5MpTCVhF520vN5oCoCm45MpA/pTCZfnnsPZuh45oztztzbJjYQRmQRpAkeL7qaIfdsRr"
    "xE9aLiWhHYQd2rAwMG67kLBZwxExjYQRpA6JZwxExEéQdsVhvNwxfdAkDmQu/iA6AwxE9aI8nXikDrxE9qofd20beKJZ"
    "wxjJjJDExjYozWtgDrIU4BNVAkeKjY/DqofdiWYQdiWtJjJZukZwwxfdsPZm4ltgpTCoCVhF14SeKjJZfnX9axExfnsP"
    "agDmwM/v8sNVCVCZfnnXikDrAxtgxjJZuv8CozbJZfnnnsPaI8nnnnsPXiAwxfndsPXqQHvxjKbeKbJZfNDE9aL3IfnX"
    "qozHBoCVAkDrIfdsRpTCZf/tztzbfnnnd20vNVAkeKjJZwMLiAkegDrxfnsNVAxfN5okDEégDrIfnsRmQdiWYoCVCZwx"
    "Ew9axjWYozWYoCVhvbprI8/mQRdAkDqjWYQuv8sRrAxjKbfndsRm4ldikeLBozWtzWhHv8WYoCm4BNVAxjKjKjYQRpTr"
    "I8s/ZuvxjJjKbJZfdAxE9qjJZmyHOGQRdsN5okZmykLBZuv8nnX/gtzbJjYQuCmQuvNwMpTGQRpwwMpTCmynXikZwMpT"
    "CVhF5MpwwxjYoCVCZm/3I8nnX4lUqjYkLBNVhvN5ozbpwxExjYozbprI8sPX9qo/yHYQRdAkLBN5MpAkDExEwMGQuhF5"
    "ofNVhFNwxfF5MLBozbJPZfNDrIU4ltgprIfNwxEwxjYoCmyHv/5MLiWtJZm4ldsN52iv8sPX9cLikeKiA6A6JjYozbpA"
    "6AxjYozbpwxfN5MpTGQRm4ltgxf/5oztJZuhvbpAkDrxfdsRm45oCm4lSeKbJZm4SCZuv8CZmQRrI8WtzHBNwxjYozbf"
    "diWYoCVh/KJjYkL36A6AkDEwMpTCVhvbfnnnXqjYkLiWtgDE9qaIUqozbpAxjKbprxE9qoCVA67hHvN520bJDrAkDmwx"
    "jJjY/m4S520Hv8CmQRprIU4BYQRdiW52rxjYQuCVhF5oCmQRdAkLBNwxE9cd20v8sRrI8sPX4S6A67kLBNwwx/7keKbp"
    "rAxE9qQRrAkeKbJZuhvxtzWYoCZuhFNwxjYozWYoCVAxE9qjYoCZuCZw/5fN52W5oztgtgxtJZmQRrAkLiAwxfd2ivN5"
    "ofdiA67h4SegpTG67hF14lUqaxjWtJjYozbegDExjWh4lU4BYozbpTCVh4SCVCozbJjJZfd20bpT/fnnX4ltgDrA67kZ"
    "fnsPXqozbfdiWYkLiWYkLiA6AxExEwMW5okeld20vNDExExjYkDE9qQ/ZfdsN5fd20HYoztgpTrxtgprA6666A66A6Ak"
    "ZuvxjJZuvN5oCozbJZwwMW5oztgD/SeKJjJZuv8sNwxjJjJZw9cL3jJDrAkegxfNDmybpA66A66AxjJZmybJZuvxjYof"
    "dsVzbJZuC/dsPXiWYQRpTGQRm4lU4BZuvxfnsPZfd2WhHv8CZfd2/RdsNwMLBoCmwMWtJjJZuvN5MpwxjKiWYQRmyHvb"
    "pw9cLBZuhF5fdiAxfd20bprAxjJZwMG66AxjYoCZ/rxfdsPaxjYQukLivNVAxjJjJZfdsPXiWYQRmQRpwMGQRdsRm4S6"
    "7kDrxjYQHvNwMWhv8sPXqoztztJDE9qoztJZuvNwxExEwxfd2rAxjJZwxjYkLBN5MpTCV/WY1YQdsPaxjJjYQRmyHOiv"
    "bJZwxjYozbpAxjJZwMpTCozWhF1YozbJPaI8sPaIVhFN5ofd2WYoCZfnnsPaI8Cmw9cLBYkDrAkLiAxjWYk/MprIfdik"
    "LBoztJDrxfd20bJZukDrAxEéQdsPaI8WYQdsRrAkDEwxfdsPZw9cLBZwxfdsPXqjJPMpTGQRrIU4lU4SeKbprIU8nnsV"
    "h4S5fN/FN5oztzbJPMpAkL3IU45MpTCVA6A67kLBYQdiAwwwxE/4BNVA67kLBZw9agpAwxjW5MpTCozbJZuvbJjJjYoz"
    "bJZfnd20vxjYQHYQuvNwMWhF5ozWtzWYQRm4S5MpTCm4lSCVCZuvxjJZfdsRrxE9cL3jWYQ/Ifnd20bJDEéCVCoCZuke"
    "gDqokDE9qQRprxE9qQRmybJDEwxjWYQRd20bfnnnnnsNw/YozW520bpTGQHYokeKJZuCm4lSCZwxjYkLiAxExfd20vbJ"
    "jJZwMpTCVztgpwMpTG67keld2W5/OG67é7qQHY14lSeKjJZfd20bJZwMG6AwxfNw9qoCokLiWh4l/PZwMWhF5MG6AkDr"
    "N5oCVA66A6AxtJZuCmynnsRrAkZfd2WYoCZfnnXiWYoztgpAxtzWYQdivbprAkDE9ax/I8sN52WhF520bJjJjJjJjY14"
    "lSeKbfnnnX4ltJZfNVzbpwxjWYkegDExjKbfdsNDEé7qjYkDqozWYokZfnsRm/O4ltJZuv8nsRmykL3jYkegtgxtzbJZ"
    "ukZfnsVCVAxjJjJZwxtJjJZuvNwwxE9cdiA6AwxfdikeKbpwMp/ExjWYQuCmynnsVhF5MWhF1ozHYokLiA67hHBZwxjJ"
    "ZukeKbpwwMLi/zbJZmwMG66AwMLivN52WYoCZmQdiWYQRmwxfnnnsRmQdiA66A/iAkelU7hHYozbJjYkDrxtzbprI8sR"
    "d20vbpww9axjYozbpr/RrN5ozbeKiWhHYoztgDrAxfnnnnsRmyHBYQuCVhF5okDExfd20HYozbeKJjJZuCZm4SeKbJZ/"
    "YkDqjJDrAkeKjJZuvbJZwwxExfndsRpTG6A66A6JZuCozbprAxExjWtzWYoCZuhF1YQukLiW520v8sNVzbpAkLBokL7/"
    "sPaLBozbpA67hHBNwwwxfnsPaxjYoCVA67keldsVA6AwMWh4SCozHB/PaxEéQRrIfd2rAkL3IUqjYoCVh4ldsNVA6Axj"
    "WtgDqQRm4ltzbJDExEé7keld2WYozWh45Mpw/tgxfNVAkeKjYozbeKJj"
)
tokenizer, batches, model = ready()
seconds = train(model, batches)
model = Memory(model, tokenizer, TEXT.replace("/", "\n"))
report(evaluate_bpb(model, tokenizer, BATCH), seconds)
